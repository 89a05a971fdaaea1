"""The system turn of `--reasoning`, which asks for a thought and an answer in tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.records import Message

REASONING_PROMPT: Final = (
    "Think about the request before you answer it. Write your reasoning between <think> and </think>, and then the "
    "answer for the user between <answer> and </answer>. Write nothing outside these tags."
)
_GAP: Final = "\n\n"


def with_reasoning(messages: Sequence[Message]) -> list[Message]:
    """Add the system turn of `--reasoning` to the turns; the text of an existing system turn is kept before it."""
    turns = without_reasoning(messages)
    if turns and turns[0]["role"] == "system":
        return [Message(role="system", content=turns[0]["content"] + _GAP + REASONING_PROMPT), *turns[1:]]
    return [Message(role="system", content=REASONING_PROMPT), *turns]


def without_reasoning(messages: Sequence[Message]) -> list[Message]:
    """Undo `with_reasoning`; other turns are returned unchanged."""
    if not messages or messages[0]["role"] != "system":
        return list(messages)
    text = messages[0]["content"]
    if text == REASONING_PROMPT:
        return list(messages[1:])
    return [Message(role="system", content=text.removesuffix(_GAP + REASONING_PROMPT)), *messages[1:]]
