"""Measure why a response got its score: length, brevity penalty, distance to the floor."""

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
    """A response's length against the shortest reference (in 13a tokens), and its score's distance to the floor.

    `floor_distance` is the score minus the floor: the score that an unrelated response of the reference's length gets
    by smoothing alone. None if the metric's floor is unknown.
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
    """The score minus the metric's floor; None if the floor is unknown."""
    if metric == "bleu":
        return score - bleu_floor(reference_tokens)
    return score if metric.startswith(_FLOOR_OF_ZERO) else None


def bleu_floor(tokens: int) -> float:
    """Smoothed BLEU without any match, before the brevity penalty: 0.841 for one token, 0.005 for 200."""
    return math.exp(-sum(math.log(max(0, tokens - order) + 1) for order in range(_MAX_ORDER)) / _MAX_ORDER)


def shortest_reference(references: Sequence[str]) -> int:
    """The length in 13a tokens of the shortest reference, which BLEU's brevity penalty uses."""
    return min((length for length in (len(tokenize_13a(text)) for text in references) if length), default=0)


def is_at_floor(metric: str, score: float, reference_tokens: int) -> bool:
    """Whether the score is at most AT_FLOOR above the score of an unrelated response."""
    distance = floor_distance(metric, score, reference_tokens)
    return distance is not None and distance <= AT_FLOOR
