"""Baselines that a reward should beat: length, chance, the two factors of BLEU, and an echo of the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.bleu_python import PART_SHIFT, PENALTY, WITHOUT_PENALTY
from bleuberi.rewards.references import BLEU
from bleuberi.rewards.scoring import score


class LongerInWords(TextReward):
    """The number of words (separated by spaces): the longer response wins."""

    name = "longer_words"

    def signature(self) -> str:
        return "longer_words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class LongerInCharacters(TextReward):
    """The number of characters: the longer response wins."""

    name = "longer_chars"

    def signature(self) -> str:
        return "longer_chars|unit:code-point|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response)) for response in responses]


class RandomChoice(TextReward):
    """A coin toss: all scores are equal, and a tie counts half, which is a coin's average agreement."""

    name = "random"

    def signature(self) -> str:
        return "random|expectation|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [0.0 for _ in responses]


class BrevityPenaltyAlone(TextReward):
    """BLEU's brevity penalty alone: depends only on the length relative to the shortest reference."""

    name = "brevity_penalty"

    def signature(self) -> str:
        return "brevity_penalty|tok:13a|ref:shortest|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return score(BLEU, responses, references, PENALTY << PART_SHIFT)


class BleuWithoutBrevityPenalty(TextReward):
    """BLEU's n-gram precision alone, without a penalty for short responses."""

    name = "bleu_no_bp"

    def signature(self) -> str:
        return f"bleu_no_bp|of:[{Bleu().signature()}]|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return score(BLEU, responses, references, WITHOUT_PENALTY << PART_SHIFT)


class EchoOfPrompt(TextReward):
    """BLEU of an echo: the last n words of the prompt, for a response of n words. Its words are not read."""

    name = "echo"
    needs_prompts = True

    def signature(self) -> str:
        return f"echo|words:last-of-prompt|of:[{Bleu().signature()}]|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        echoes = [last_words(prompt, len(text.split())) for prompt, text in zip(prompts, responses, strict=True)]
        return Bleu()(prompts=prompts, responses=echoes, references=references)


REFERENCE_FREE_BASELINES: Final[tuple[type[TextReward], ...]] = (LongerInWords, LongerInCharacters, RandomChoice)
BASELINES: Final[tuple[type[TextReward], ...]] = (
    *REFERENCE_FREE_BASELINES,
    BrevityPenaltyAlone,
    BleuWithoutBrevityPenalty,
    EchoOfPrompt,
)
LENGTH_BASELINE: Final = LongerInWords.name
ECHO_BASELINE: Final = EchoOfPrompt.name
"""The baseline used in the verdict, chosen in advance."""


def last_words(text: str, count: int) -> str:
    """The last `count` words of the text, one space between them; all of them if it has fewer."""
    words = text.split()
    return " ".join(words[max(0, len(words) - count) :])
