"""ROUGE-L, as `rouge_score` computes it. Knows common subsequences; knows nothing of trainers.

F1 of the longest common subsequence of lower-case alphanumeric tokens, no stemming, best over the references.
Source: Lin 2004; the numbers of `rouge_score`'s `rougeL` (`evaluate`'s `rouge`).
"""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq

from bleuberi.rewards.base import TextReward
from bleuberi.rewards.tokens import tokenize_rouge


def rouge_l(response: str, references: Sequence[str]) -> float | None:
    """ROUGE-L F1 in 0..1. Nothing in common scores 0.0, also with texts of no tokens; None without references."""
    if not references:
        return None
    tokens = tokenize_rouge(response)
    best = 0.0
    for reference in references:
        reference_tokens = tokenize_rouge(reference)
        common = LCSseq.similarity(reference_tokens, tokens) if tokens and reference_tokens else 0
        if common:
            precision, recall = common / len(tokens), common / len(reference_tokens)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


class RougeL(TextReward):
    """ROUGE-L F1 as a reward."""

    name = "rouge"

    def signature(self) -> str:
        return "rouge|type:rougeL-f1|stem:no|ref:best|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [rouge_l(response, texts) for response, texts in zip(responses, references, strict=True)]
