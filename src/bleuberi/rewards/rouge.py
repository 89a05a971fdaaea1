"""ROUGE-L as a reward, as `rouge_score` computes it. Knows its name and signature; others count.

F1 of the longest common subsequence of lower-case alphanumeric tokens, no stemming, best over the references.
Source: Lin 2004; the numbers of `rouge_score`'s `rougeL` (`evaluate`'s `rouge`). Nothing in common scores 0.0, also
with texts of no tokens; without references there is no score (None).
"""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import TextReward
from bleuberi.rewards.references import ROUGE
from bleuberi.rewards.scoring import score


class RougeL(TextReward):
    """ROUGE-L F1 as a reward."""

    name = "rouge"

    def signature(self) -> str:
        return "rouge|type:rougeL-f1|stem:no|ref:best|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return score(ROUGE, responses, references)
