"""Let a language model compare responses, two at a time and in both orders.

Each question is cached by its bytes, with the judge's name, address and sampling: the same comparison is never paid for
twice, a killed run resumes, and a changed prompt or setting is asked again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bleuberi.generation.base import Output
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.openai_engine import OpenAIEngine
from bleuberi.generation.options import JudgeConfig, resolve_engine
from bleuberi.judge_prompt import judge_messages, read_verdict
from bleuberi.records import Conversation, Example

log = logging.getLogger(__name__)

Verdict = Literal[
    "other", "base", "tie", "inconsistent", "unparsable", "no_answer", "refused", "too_long", "identical"
]  # fmt: skip
VERDICTS: Final[tuple[Verdict, ...]] = (
    "other", "base", "tie", "inconsistent", "unparsable", "no_answer", "refused", "too_long", "identical",
)  # fmt: skip
CONSISTENT: Final = ("other", "base", "tie")
TROUBLES: Final[tuple[Verdict, ...]] = ("no_answer", "refused", "too_long", "unparsable")
_TROUBLE: Final[Mapping[str, Verdict]] = {
    "no_answer": "no_answer", "refused": "refused", "prompt_too_long": "too_long",
}  # fmt: skip


class Judgment(NamedTuple):
    """The judge's verdict on two models' responses to one prompt, in both orders."""

    id: str
    base: str
    other: str
    verdict: Verdict
    verdicts: tuple[Verdict, ...]  # asked with base first, then with other first; none where they are identical
    words: tuple[int, int]  # of base's and other's answers
    replies: tuple[str, ...]


class Judge:
    """Asks the judge about pairs of responses."""

    def __init__(self, config: JudgeConfig, cache_folder: Path, first_delay_seconds: float = 1.0) -> None:
        """Errors: `UserError` for an invalid address or a missing key, before any request is sent."""
        resolve_engine("openai", config.options)
        config.sampling.check()
        engine = OpenAIEngine(config.model, config.options, first_delay_seconds, go_on=True)
        identity = ModelIdentity(config.model, f"endpoint:{config.options.url}", "")
        self._engine = CachedEngine(identity, lambda: engine, cache_folder)
        self._sampling = config.sampling
        self._shows_references = config.references

    def compare(
        self, base: str, other: str, examples: Sequence[Example], texts: Mapping[str, Mapping[str, str]]
    ) -> list[Judgment]:
        """Compare two models on every prompt, in both orders; `texts`: by model and prompt id. Equal responses are not
        sent to the judge."""
        differing = [row for row in examples if texts[base][row.id] != texts[other][row.id]]
        log.info("Judging %s against %s on %d prompts, both orders", other, base, len(differing))
        asked = [
            Conversation(
                f"{order}:{row.id}",
                judge_messages(
                    row.messages,
                    texts[first][row.id],
                    texts[second][row.id],
                    row.references if self._shows_references else (),
                ),
            )
            for row in differing
            for order, (first, second) in enumerate([(base, other), (other, base)])
        ]
        replies = self._engine.answer(asked, self._sampling)
        judgments = []
        for row in examples:
            words = len(texts[base][row.id].split()), len(texts[other][row.id].split())
            if f"0:{row.id}" not in replies:
                judgments.append(Judgment(row.id, base, other, "identical", (), words, ()))
                continue
            both = replies[f"0:{row.id}"], replies[f"1:{row.id}"]
            said = _said(both[0], "base", "other"), _said(both[1], "other", "base")
            verdict = joint_verdict(said)
            judgments.append(Judgment(row.id, base, other, verdict, said, words, (both[0].text, both[1].text)))
        return judgments


def _said(reply: Output, first: Verdict, second: Verdict) -> Verdict:
    """The verdict in a reply, or the reason why it has none."""
    if reply.finish_reason in _TROUBLE:
        return _TROUBLE[reply.finish_reason]
    choice = read_verdict(reply.text)
    if choice is None:
        return "unparsable"
    return "tie" if choice == "tie" else first if choice == "a" else second


def joint_verdict(said: tuple[Verdict, Verdict]) -> Verdict:
    """The verdict of both orders together: a winner only if both name it; a failure in either order counts for the
    pair."""
    trouble = next((name for name in TROUBLES if name in said), None)
    if trouble is not None:
        return trouble
    return said[0] if said[0] == said[1] else "inconsistent"
