"""A language model compares answers, two at a time and in both orders.

Each question is cached by its bytes, with the judge's name, address and sampling: the same comparison is never paid for
twice, a killed run goes on, and a changed prompt or setting is asked anew.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from bleuberi.artifacts import content_hash
from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.judge_prompt import judge_messages, prompt_text, read_verdict
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.openai_engine import OpenAIEngine
from bleuberi.generation.options import resolve_engine
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


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Who judges, and how it is asked."""

    model: str
    pairs: tuple[tuple[str, str], ...] = ()  # groups (base, other); none: what the comparison needs
    options: EngineOptions = field(default_factory=EngineOptions)  # address, name of the key, concurrency, patience
    max_new_tokens: int = 1024
    temperature: float = 0.0
    show_references: bool = False  # as a benchmark, not as the only right answer

    @property
    def sampling(self) -> Sampling:
        return Sampling(max_new_tokens=self.max_new_tokens, temperature=self.temperature, top_p=1.0)

    def settings(self) -> dict[str, Any]:
        """What decides its verdicts, for the manifest."""
        shown = {"references": "shown"} if self.show_references else {}
        return {"model": self.model, "url": self.options.url, "sampling": self.sampling.settings(), **shown}

    def signature(self) -> str:
        prompt = content_hash(self.prompt)[:8]
        shown = "|references:shown" if self.show_references else ""
        return f"judge|model:{self.model}|{self.sampling.signature()}|prompt:{prompt}{shown}|orders:both|v:1"

    @property
    def prompt(self) -> str:
        """The prompt with its places."""
        return prompt_text(with_references=self.show_references)


class Judgment(NamedTuple):
    """What the judge said of one prompt and two models."""

    id: str
    base: str
    other: str
    verdict: Verdict
    verdicts: tuple[Verdict, ...]  # asked with base first, then with other first; none where they are identical
    words: tuple[int, int]  # of base's and other's answers
    replies: tuple[str, ...]


class Judge:
    """Asks about pairs of answers."""

    def __init__(self, config: JudgeConfig, cache_folder: Path, first_delay_seconds: float = 1.0) -> None:
        """Errors: `UserError` for an address that is none or a missing key, before anything is asked."""
        resolve_engine("openai", config.options)
        config.sampling.check()
        engine = OpenAIEngine(config.model, config.options, first_delay_seconds, go_on=True)
        identity = ModelIdentity(config.model, f"endpoint:{config.options.url}", "")
        self._engine = CachedEngine(identity, lambda: engine, cache_folder)
        self._sampling = config.sampling
        self._shows_references = config.show_references

    def compare(
        self, base: str, other: str, examples: Sequence[Example], texts: Mapping[str, Mapping[str, str]]
    ) -> list[Judgment]:
        """Both orders of every prompt; `texts`: by model and prompt id. Equal answers are not asked about."""
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
    """Whom a reply prefers, or why there is no verdict."""
    if reply.finish_reason in _TROUBLE:
        return _TROUBLE[reply.finish_reason]
    choice = read_verdict(reply.text)
    if choice is None:
        return "unparsable"
    return "tie" if choice == "tie" else first if choice == "a" else second


def joint_verdict(said: tuple[Verdict, Verdict]) -> Verdict:
    """A winner only where both orders name it; a trouble in either order is the pair's."""
    trouble = next((name for name in TROUBLES if name in said), None)
    if trouble is not None:
        return trouble
    return said[0] if said[0] == said[1] else "inconsistent"
