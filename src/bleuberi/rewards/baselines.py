"""What a reward must beat: length, chance, and the halves of BLEU. Knows texts; knows nothing of people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.tokens import tokenize_13a

NO_WORD: Final = "\ue000"  # a private-use character: one 13a token that texts do not contain


class LongerInWords(TextReward):
    """The longer response wins, counted in words between spaces."""

    name = "longer_words"

    def signature(self) -> str:
        return "longer_words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class LongerInCharacters(TextReward):
    """The longer response wins, counted in characters."""

    name = "longer_chars"

    def signature(self) -> str:
        return "longer_chars|unit:code-point|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response)) for response in responses]


class RandomChoice(TextReward):
    """A coin: every response scores the same, and a tie counts half, which is what a coin agrees on average."""

    name = "random"

    def signature(self) -> str:
        return "random|expectation|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [0.0 for _ in responses]


class BrevityPenaltyAlone(TextReward):
    """BLEU's brevity penalty: being as long as the shortest reference, whatever is said."""

    name = "brevity_penalty"

    def signature(self) -> str:
        return "brevity_penalty|tok:13a|ref:shortest|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        length_of = {
            text: len(tokenize_13a(text)) for text in {*responses, *(t for texts in references for t in texts)}
        }
        return [
            _brevity_penalty(length_of[response], [length_of[text] for text in texts if length_of[text]])
            for response, texts in zip(responses, references, strict=True)
        ]


class BleuWithoutBrevityPenalty(TextReward):
    """BLEU's n-gram precision alone: saying what a reference says, however little of it."""

    name = "bleu_no_bp"

    def signature(self) -> str:
        return f"bleu_no_bp|of:[{Bleu().signature()}]|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        # A further reference of one word that no response has matches nothing, and makes the penalty 1.
        scores = Bleu()(
            prompts=[""] * len(responses), responses=responses, references=[[*texts, NO_WORD] for texts in references]
        )
        readable = {text: bool(tokenize_13a(text)) for text in {text for texts in references for text in texts}}
        return [
            score if any(readable[text] for text in texts) else None
            for score, texts in zip(scores, references, strict=True)
        ]


REFERENCE_FREE_BASELINES: Final[tuple[type[TextReward], ...]] = (LongerInWords, LongerInCharacters, RandomChoice)
BASELINES: Final[tuple[type[TextReward], ...]] = (
    *REFERENCE_FREE_BASELINES,
    BrevityPenaltyAlone,
    BleuWithoutBrevityPenalty,
)
LENGTH_BASELINE: Final = LongerInWords.name
"""The baseline that the verdict is about, fixed before any data are seen."""


def _brevity_penalty(length: int, reference_lengths: Sequence[int]) -> float | None:
    if not reference_lengths:
        return None
    if not length:
        return 0.0
    ratio = length / min(reference_lengths)
    return 1.0 if ratio > 1.0 else math.exp(1.0 - 1.0 / ratio)
