"""METEOR in pure Python: exact matches, then matches of stems.

Performs the same operations in the same order as `native/meteor.h`, so both back ends give identical bits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from bleuberi.rewards.porter import stem
from bleuberi.rewards.several import MEAN_OF_REFERENCES, of_references
from bleuberi.rewards.tokens import tokenize_13a

ALPHA, BETA, GAMMA = 0.9, 3.0, 0.5


class Match(NamedTuple):
    """A token of the response matched to a token of the reference."""

    response: int  # positions
    reference: int
    exact: bool  # else only the stems are equal


def align(response: Sequence[str], reference: Sequence[str]) -> list[Match]:
    """The matches between two texts' tokens, in the response's order.

    From last to first, each token of the response is matched to the last unmatched equal token of the reference; then
    the remaining tokens are matched by stem in the same way.
    """
    matches: list[Match] = []
    left, wanted = list(range(len(response))), list(range(len(reference)))
    for exact in (True, False):
        if exact:
            keys, other = response, reference
        else:
            keys, other = [stem(token) for token in response], [stem(token) for token in reference]
        places = defaultdict(list)
        for place in wanted:
            places[other[place]].append(place)
        found = {place: places[keys[place]].pop() for place in reversed(left) if places.get(keys[place])}
        matches += [Match(place, match, exact) for place, match in found.items()]
        left = [place for place in left if place not in found]
        used = set(found.values())
        wanted = [place for place in wanted if place not in used]
    return sorted(matches)


def chunks_of(matches: Sequence[Match]) -> int:
    """The number of runs of matches that are adjacent in both texts."""
    breaks = sum(after[:2] != (before.response + 1, before.reference + 1) for before, after in pairwise(matches))
    return breaks + 1 if matches else 0


def meteor_value(matches: int, chunks: int, length: int, reference_length: int) -> float:
    """METEOR from its counts, in tokens; 0.0 without a match."""
    if not matches:
        return 0.0
    precision, recall = matches / length, matches / reference_length
    mean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall)
    return (1 - fragmentation_penalty(matches, chunks)) * mean


def fragmentation_penalty(matches: int, chunks: int) -> float:
    """The share deducted for scattered matches: 0.5 if no two matches are adjacent."""
    penalty: float = GAMMA * (chunks / matches) ** BETA
    return penalty


def meteor_once(response: str, references: Iterable[str], flags: int = 0) -> float | None:
    """METEOR of a response in lower case; references without tokens are ignored; None if none is left."""
    tokens = tokenize_13a(response)
    scores = []
    for reference in filter(None, map(tokenize_13a, references)):
        matches = align(tokens, reference)
        scores.append(meteor_value(len(matches), chunks_of(matches), len(tokens), len(reference)))
    return of_references(scores, flags & MEAN_OF_REFERENCES)
