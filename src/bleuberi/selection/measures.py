"""Why a response scored as it did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from bleuberi.rewards.tokens import tokenize_13a

AT_FLOOR: Final = 0.02
"""A score is at the floor up to this much above it. For a reference of thirty words that is an answer of the same
length with about five single words in common and not one pair; or any answer that the brevity penalty takes so low."""

_FLOOR_OF_ZERO: Final = ("rouge", "bleu_rouge_f1", "meteor", "chrf")  # beginnings of names; nothing is smoothed
_MAX_ORDER: Final = 4


class Measures(NamedTuple):
    """A response's length against the shortest reference (in 13a tokens), and where its score lies.

    `floor_distance` is the score less the floor: what an unrelated answer of the reference's length gets by smoothing
    alone. None where the metric's floor is not known.
    """

    length_ratio: float
    brevity_penalty: float
    floor_distance: float | None


def measure_response(metric: str, score: float, response: str, reference_tokens: int) -> Measures:
    """The measures of a scored response; `reference_tokens` is the length of the shortest reference."""
    ratio = len(tokenize_13a(response)) / max(1, reference_tokens)
    penalty = 1.0 if ratio > 1 else math.exp(1 - 1 / ratio) if ratio > 0 else 0.0
    return Measures(ratio, penalty, floor_distance(metric, score, reference_tokens))


def floor_distance(metric: str, score: float, reference_tokens: int) -> float | None:
    """How far a score lies above the metric's floor, if that is known."""
    if metric == "bleu":
        return score - bleu_floor(reference_tokens)
    return score if metric.startswith(_FLOOR_OF_ZERO) else None


def bleu_floor(tokens: int) -> float:
    """Smoothed BLEU, before the brevity penalty, where nothing matches: 0.841 for one token, 0.005 for 200."""
    return math.exp(-sum(math.log(max(0, tokens - order) + 1) for order in range(_MAX_ORDER)) / _MAX_ORDER)


def shortest_reference(references: Sequence[str]) -> int:
    """The length in 13a tokens that BLEU's brevity penalty is taken against."""
    return min((length for length in (len(tokenize_13a(text)) for text in references) if length), default=0)


def is_at_floor(metric: str, score: float, reference_tokens: int) -> bool:
    """Whether the score is next to what an unrelated answer gets."""
    distance = floor_distance(metric, score, reference_tokens)
    return distance is not None and distance <= AT_FLOOR
