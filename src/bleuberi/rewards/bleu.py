"""BLEU, exactly as the method's reference path computes it. Knows n-grams; knows nothing of trainers.

p_n = (m_n + 1) / (c_n + 1) for n = 1..4, m_n clipped by the maximum count over the references; geometric mean;
brevity penalty against the SHORTEST reference; 13a tokens, case-sensitive. Source: Papineni et al. 2002 with add-one
smoothing on every order, the numbers that `evaluate`'s `bleu` gives with `smooth=True`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bleuberi.rewards.base import TextReward
from bleuberi.rewards.tokens import tokenize_13a

MAX_ORDER = 4


def ngram_counts(tokens: Sequence[str]) -> Counter[tuple[str, ...]]:
    """How often each n-gram of order 1..4 occurs."""
    return Counter(
        tuple(tokens[start : start + order])
        for order in range(1, MAX_ORDER + 1)
        for start in range(len(tokens) - order + 1)
    )


def bleu(response: str, references: Sequence[str]) -> float | None:
    """Sentence BLEU in 0..1. A response without tokens scores 0.0; None where no reference has tokens."""
    reference_tokens = [tokens for tokens in map(tokenize_13a, references) if tokens]
    if not reference_tokens:
        return None
    tokens = tokenize_13a(response)
    if not tokens:
        return 0.0
    allowed: Counter[tuple[str, ...]] = Counter()
    for reference in reference_tokens:
        allowed |= ngram_counts(reference)
    matches = [0] * MAX_ORDER
    for ngram, count in (ngram_counts(tokens) & allowed).items():
        matches[len(ngram) - 1] += count
    log_precision = 0.0
    for order in range(1, MAX_ORDER + 1):
        candidates = max(0, len(tokens) - order + 1)
        log_precision += math.log((matches[order - 1] + 1.0) / (candidates + 1.0)) / MAX_ORDER
    ratio = len(tokens) / min(map(len, reference_tokens))
    brevity_penalty = 1.0 if ratio > 1.0 else math.exp(1.0 - 1.0 / ratio)
    return math.exp(log_precision) * brevity_penalty


class Bleu(TextReward):
    """The method's reward: smoothed sentence BLEU against all references of a prompt."""

    name = "bleu"

    def signature(self) -> str:
        return "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [bleu(response, texts) for response, texts in zip(responses, references, strict=True)]
