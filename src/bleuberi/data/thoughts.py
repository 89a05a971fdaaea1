"""Find the thoughts that a reasoning model writes before its answer, in the usual marks, and remove them.

Only thoughts before the answer count: a text that explains the tag `<think>` is not a thought.
"""

from __future__ import annotations

import re
from typing import Final

# <think> (DeepSeek, Qwen), <thinking>, <thought>, <reasoning>, <seed:think>, [THINK] (Magistral), and the channel of
# thoughts in OpenAI's open models.
_NAMES: Final = r"(?:think|thinking|thought|thoughts|reasoning|reflection|seed:think)"
_OPENS: Final = re.compile(
    rf"\s*(?:<{_NAMES}>|\[THINK\]|<\|begin_of_thought\|>|<\|channel\|>analysis<\|message\|>)", re.IGNORECASE
)
_CLOSES: Final = re.compile(
    rf"</{_NAMES}>|\[/THINK\]|<\|end_of_thought\|>|(?:<\|end\|>)?(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
    re.IGNORECASE,
)
_ANSWER: Final = re.compile(r"\s*<(answer|response)>(.*)</\1>\s*", re.IGNORECASE | re.DOTALL)


def has_thoughts(text: str) -> bool:
    """Whether the text begins with thoughts, whole or cut short, or with thoughts whose beginning is missing."""
    return bool(_OPENS.match(text)) or _end_of_thoughts(text) > 0


def without_thoughts(text: str) -> str:
    """The answer after the thoughts; empty if the text ends within them. Other texts are returned unchanged."""
    end = _end_of_thoughts(text)
    if not end:
        return "" if _OPENS.match(text) else text
    answer = text[end:].strip()
    whole = _ANSWER.fullmatch(answer)
    return whole[2].strip() if whole else answer


def _end_of_thoughts(text: str) -> int:
    """The position at which the answer begins; 0 if no thoughts precede it.

    A text without the opening mark counts too: some chat templates write that mark into the prompt.
    """
    found = _CLOSES.search(text)
    if found is None:
        return 0
    opened = _OPENS.match(text)
    if opened is None and re.search(rf"<{_NAMES}>|\[THINK\]", text[: found.start()], re.IGNORECASE):
        return 0  # opened within the text: the text is about the mark
    if opened is None and (before := text[: found.start()].rstrip()) and before[-1] in "`\"'":
        return 0
    return found.end()
