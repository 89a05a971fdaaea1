"""Why a response scored as it did. Knows lengths and BLEU's smoothing floor; knows nothing of selection or files."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from bleuberi.rewards.tokens import tokenize_13a

AT_FLOOR: Final = 0.02
"""A response is at the floor up to this distance from it: about five single words in common with a reference of
thirty words, and not one pair."""

_WITHOUT_FLOOR: Final = ("rouge", "bleu_rouge_f1")  # 0 for a response that has nothing in common with its references
_MAX_ORDER: Final = 4


class Measures(NamedTuple):
    """A response's length against the shortest reference (in 13a tokens), and where its score lies.

    `floor_distance` is 0 where nothing matches and 1 where everything does, whatever the brevity penalty; None where
    the metric's floor is not known.
    """

    length_ratio: float
    brevity_penalty: float
    floor_distance: float | None


def measure_response(metric: str, score: float, response: str, reference_tokens: int) -> Measures:
    """The measures of a scored response; `reference_tokens` is the length of the shortest reference."""
    tokens = len(tokenize_13a(response))
    ratio = tokens / max(1, reference_tokens)
    penalty = 1.0 if ratio > 1 else math.exp(1 - 1 / ratio) if ratio > 0 else 0.0
    if metric == "bleu":
        floor = bleu_floor(tokens)
        quality = score / penalty if penalty > 0 else 0.0
        distance = min(1.0, max(0.0, (quality - floor) / (1 - floor))) if tokens else 0.0
        return Measures(ratio, penalty, distance)
    return Measures(ratio, penalty, score if metric in _WITHOUT_FLOOR else None)


def bleu_floor(tokens: int) -> float:
    """Smoothed BLEU, before the brevity penalty, where nothing matches: 0.841 for one token, 0.005 for 200."""
    return math.exp(-sum(math.log(max(0, tokens - order) + 1) for order in range(_MAX_ORDER)) / _MAX_ORDER)


def shortest_reference(references: Sequence[str]) -> int:
    """The length in 13a tokens that BLEU's brevity penalty is taken against."""
    return min((length for length in (len(tokenize_13a(text)) for text in references) if length), default=0)


def is_at_floor(measures: Measures) -> bool:
    """Whether the response has next to nothing in common with its references."""
    return measures.floor_distance is not None and measures.floor_distance <= AT_FLOOR
