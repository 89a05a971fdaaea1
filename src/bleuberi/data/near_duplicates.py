"""Find prompts that are almost the same.

MinHash (Broder 1997) in bands finds candidates without comparing all pairs. Each candidate is then compared exactly, so
a pair below the threshold is never joined. Joined pairs form groups: if a is near b and b is near c, all three are one
group, which a held-out split must keep on one side.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bleuberi.data.shingles import hash_texts, jaccard, normal_words, shingles
from bleuberi.errors import MissingExtraError
from bleuberi.on_disk import Spilled

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

_BLOCK: Final = 4096  # texts
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_SHIFT: Final = np.uint64(29)

METHOD: Final = f"minhash|words:3|perm:{BANDS * ROWS_IN_BAND}|bands:{BANDS}|jaccard:{NEAR_JACCARD}"


class PromptGroups(NamedTuple):
    """Groups of similar prompts among N. Each row has the number of the first row of its group, or its own."""

    same: NDArray[np.int64]  # N: they differ in case, spaces and punctuation at most
    near: NDArray[np.int64]  # N: groups of near-duplicates


def prompt_groups(texts: Sequence[str]) -> PromptGroups:
    """Group N prompts. Shingles and signatures are in temporary files; memory grows by about 50 bytes per prompt.

    Errors: `UserError` if the MinHash library is not installed, or the disk is full.
    """
    keys = np.fromiter((hash_texts([" ".join(normal_words(text))])[0] for text in texts), np.uint64, len(texts))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    same = first[inverse]
    parents = _Groups(same)
    places = np.sort(first)
    del keys, first, inverse
    sketches = _Sketches(texts[place] for place in places)
    for band in range(BANDS):
        for bucket in _buckets(sketches.band(band)):
            _join_bucket(bucket, places, sketches, parents)
    return PromptGroups(same, np.fromiter(map(parents.first, range(len(texts))), np.int64, len(texts)))


class _Sketches:
    """Shingles and MinHash signatures of texts, on disk."""

    def __init__(self, texts: Iterable[str]) -> None:
        try:
            from datasketch import MinHash
        except ImportError as error:
            raise MissingExtraError("datasketch", "check", "Finding near-duplicates") from error
        sketch = MinHash(num_perm=BANDS * ROWS_IN_BAND, seed=1, scheme="affine64", hashfunc=int)
        self._sets: Spilled[bytes] = Spilled()
        self._signatures: Spilled[bytes] = Spilled()
        self._bands: Spilled[bytes] = Spilled()  # by blocks of texts, then bands
        block: list[NDArray[np.uint64]] = []
        for text in texts:
            hashes = shingles(text)
            sketch.clear()
            sketch.update_batch(hashes.tolist())
            self._sets.append(hashes.tobytes())
            self._signatures.append(sketch.hashvalues.tobytes())
            block.append(sketch.hashvalues.copy())
            if len(block) == _BLOCK:
                self._add_block(block)
        self._add_block(block)
        # The rows of a bucket, and its leaders, are asked for many times.
        self.shingles = lru_cache(4 * FULL_COMPARISON)(lambda row: np.frombuffer(self._sets[row], np.uint64))
        self.signature = lru_cache(4 * FULL_COMPARISON)(lambda row: np.frombuffer(self._signatures[row], np.uint64))

    def _add_block(self, block: list[NDArray[np.uint64]]) -> None:
        values = np.reshape(block, (-1, BANDS, ROWS_IN_BAND)).astype(np.uint64)
        hashed = np.zeros(values.shape[:2], np.uint64)
        for number in range(ROWS_IN_BAND):
            hashed = (hashed ^ values[..., number]) * _ODD
            hashed ^= hashed >> _SHIFT
        for band in hashed.T:
            self._bands.append(band.tobytes())
        block.clear()

    def band(self, number: int) -> NDArray[np.uint64]:  # N
        """A hash of the band of each text. If two bands collide, only more pairs are compared."""
        return np.frombuffer(b"".join(self._bands[at] for at in range(number, len(self._bands), BANDS)), np.uint64)


def _buckets(hashes: NDArray[np.uint64]) -> Iterator[list[int]]:
    """Rows with the same hash, ascending; those of the earliest rows first."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    equal = np.concatenate(([False], ordered[1:] == ordered[:-1], [False]))  # to the one before
    begins = np.flatnonzero(~equal[:-1] & equal[1:])
    ends = np.flatnonzero(equal[:-1] & ~equal[1:]) + 1
    for number in np.argsort(order[begins]):
        yield order[begins[number] : ends[number]].tolist()


def _join_bucket(bucket: Sequence[int], places: NDArray[np.int64], sketches: _Sketches, parents: _Groups) -> None:
    leaders: list[int] = []
    for row in bucket:
        joined = False
        for other in _likely(row, leaders, sketches):
            if parents.first(places[row]) == parents.first(places[other]):
                joined = True
            elif jaccard(sketches.shingles(row), sketches.shingles(other)) >= NEAR_JACCARD:
                parents.join(places[row], places[other])
                joined = True
        if len(leaders) < FULL_COMPARISON and not (joined and len(bucket) > FULL_COMPARISON):
            leaders.append(row)


def _likely(row: int, leaders: list[int], sketches: _Sketches) -> list[int]:
    """The leaders that may be near the row, judged by the agreement of their signatures."""
    if len(leaders) < FEW:
        return leaders
    agreement = (np.stack([sketches.signature(one) for one in leaders]) == sketches.signature(row)).mean(axis=1)
    return [leaders[place] for place in np.flatnonzero(agreement >= NEAR_JACCARD - SLACK)]


class _Groups:
    """Disjoint groups of places; each is named by its first place (Tarjan's union-find)."""

    def __init__(self, above: NDArray[np.int64]) -> None:
        self._above = array("q", above.astype(np.int64).tobytes())

    def first(self, place: int) -> int:
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low
