"""Rewards made of other rewards."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.rouge import RougeL


class BleuRougeF1(TextReward):
    """The harmonic mean of BLEU and ROUGE-L; 0.0 if either is 0, None if either is missing."""

    name = "bleu_rouge_f1"

    def __init__(self, *, tokens: str = "") -> None:
        self._bleu = Bleu(tokens=tokens or "13a")
        self._rouge = RougeL(tokens=tokens or "ascii")
        self.name = self.variant(tokens)

    def signature(self) -> str:
        return f"bleu_rouge_f1|mean:harmonic|of:[{self._bleu.signature()}]+[{self._rouge.signature()}]|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return [
            harmonic_mean(first, second)
            for first, second in zip(
                self._bleu.score_batch(responses, references),
                self._rouge.score_batch(responses, references),
                strict=True,
            )
        ]

    def blind_to(self, text: str) -> bool:
        return self._bleu.blind_to(text) or self._rouge.blind_to(text)


def harmonic_mean(first: float | None, second: float | None) -> float | None:
    """2ab / (a + b); 0.0 if both are 0, None if one is missing."""
    if first is None or second is None:
        return None
    total = first + second
    return 2 * first * second / total if total else 0.0
