"""Find prompts that are almost the same.

MinHash (Broder 1997) in bands finds candidates without comparing all pairs; each candidate is then compared exactly,
so no pair below the threshold is ever joined. What is joined forms groups: a is near b and b near c puts all three
together, which is what a held-out split has to keep on one side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bleuberi.data.shingles import Hashes, hash_texts, jaccard, normal_words, shingles
from bleuberi.errors import MissingExtraError

NEAR_JACCARD: Final = 0.7
BANDS: Final = 25
ROWS_IN_BAND: Final = 5
"""A pair at 0.7 is a candidate with probability 1 - (1 - 0.7**5)**25 = 0.990, at 0.8 with 0.99995, at 0.4 with 0.23."""

FULL_COMPARISON: Final = 64
"""In a larger bucket rows are compared with this many of its leaders only: thousands of prompts of one template would
otherwise cost the square of their number."""

FEW: Final = 8
SLACK: Final = 0.15
"""Signatures agree in the share of the Jaccard similarity, with a standard error of 0.041: 3.7 of them."""

METHOD: Final = f"minhash|words:3|perm:{BANDS * ROWS_IN_BAND}|bands:{BANDS}|jaccard:{NEAR_JACCARD}"


def same_prompt_key(text: str) -> bytes:
    """What two prompts share that differ in case, spaces and punctuation at most."""
    return hash_texts([" ".join(normal_words(text))]).tobytes()


def near_duplicate_groups(texts: Sequence[str]) -> list[int]:  # N -> N
    """For each text the position of the first text of its group; its own where nothing is near it.

    Errors: `UserError` where the MinHash library is not installed.
    """
    first_place: dict[bytes, int] = {}
    parents = _Groups(len(texts))
    for place, text in enumerate(texts):
        parents.join(place, first_place.setdefault(same_prompt_key(text), place))
    places = list(first_place.values())
    sets = [shingles(texts[place]) for place in places]
    signatures = _signatures(sets)
    for bucket in _buckets(signatures):
        _join_bucket(bucket, places, sets, signatures, parents)
    return [parents.first(place) for place in range(len(texts))]


def _signatures(sets: Sequence[Hashes]) -> NDArray[np.uint64]:  # N -> N x (bands x rows)
    try:
        from datasketch import MinHash
    except ImportError as error:
        raise MissingExtraError("datasketch", "check", "Finding near-duplicates") from error
    sketch = MinHash(num_perm=BANDS * ROWS_IN_BAND, seed=1, scheme="affine64", hashfunc=int)
    made = np.empty((len(sets), BANDS * ROWS_IN_BAND), dtype=np.uint64)
    for row, hashes in enumerate(sets):
        sketch.clear()
        sketch.update_batch(hashes.tolist())
        made[row] = sketch.hashvalues
    return made


def _buckets(signatures: NDArray[np.uint64]) -> Iterator[list[int]]:
    """Rows that agree in a whole band, ascending; bands in order."""
    for band in range(BANDS):
        held: defaultdict[bytes, list[int]] = defaultdict(list)
        columns = np.ascontiguousarray(signatures[:, band * ROWS_IN_BAND : (band + 1) * ROWS_IN_BAND])
        for row, values in enumerate(columns):
            held[values.tobytes()].append(row)
        yield from (rows for rows in held.values() if len(rows) > 1)


def _join_bucket(
    bucket: Sequence[int],
    places: Sequence[int],
    sets: Sequence[Hashes],
    signatures: NDArray[np.uint64],
    parents: _Groups,
) -> None:
    leaders: list[int] = []
    for row in bucket:
        joined = False
        for other in _likely(row, leaders, signatures):
            if parents.first(places[row]) == parents.first(places[other]):
                joined = True
            elif jaccard(sets[row], sets[other]) >= NEAR_JACCARD:
                parents.join(places[row], places[other])
                joined = True
        if len(leaders) < FULL_COMPARISON and not (joined and len(bucket) > FULL_COMPARISON):
            leaders.append(row)


def _likely(row: int, leaders: list[int], signatures: NDArray[np.uint64]) -> list[int]:
    """Those of the leaders that may be near the row, by how much of their signatures agrees."""
    if len(leaders) < FEW:
        return leaders
    agreement = (signatures[leaders] == signatures[row]).mean(axis=1)
    return [leaders[place] for place in np.flatnonzero(agreement >= NEAR_JACCARD - SLACK)]


class _Groups:
    """Disjoint groups of places; each is named by its first place (Tarjan's union-find)."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def first(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low
