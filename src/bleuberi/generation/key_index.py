"""Where the answer to a question lies, in 28 bytes a question. Knows keys and numbers; knows no files or answers.

A dictionary of half a million answers would fill a gigabyte; this fills 14 megabytes, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

_KEY_BYTES: Final = 16  # of the 32 that SHA-256 has: two keys meet by chance once in 10^19 caches of a billion rows
_MERGE_AT: Final = 8192


class Place(NamedTuple):
    """A file, by its number, and the byte at which a row begins."""

    file: int
    offset: int


class KeyIndex:
    """Keys (hex digests) and their places. The first place of a key counts."""

    def __init__(self) -> None:
        import numpy as np

        self._keys = np.empty(0, dtype=f"S{_KEY_BYTES}")  # sorted
        self._files = np.empty(0, dtype=np.uint32)
        self._offsets = np.empty(0, dtype=np.uint64)
        self._recent: dict[bytes, Place] = {}

    def __len__(self) -> int:
        return len(self._keys) + len(self._recent)

    def add(self, keys: Sequence[str], places: Sequence[Place]) -> int:
        """Note keys with their places; those that are known keep theirs. How many were new."""
        before = len(self)
        for key, place, known in zip(keys, places, self.find(keys), strict=True):
            if known is None:
                self._recent.setdefault(_raw(key), place)
        if len(self._recent) >= _MERGE_AT:
            self._merge()
        return len(self) - before

    def find(self, keys: Sequence[str]) -> list[Place | None]:
        """The place of each key; None for those that are not known."""
        import numpy as np

        wanted = [_raw(key) for key in keys]
        found = [self._recent.get(key) for key in wanted]
        if not len(self._keys) or not wanted:
            return found
        probes = np.array(wanted, dtype=self._keys.dtype)
        spots = np.minimum(np.searchsorted(self._keys, probes), len(self._keys) - 1)
        for row in np.nonzero(self._keys[spots] == probes)[0]:
            found[row] = Place(int(self._files[spots[row]]), int(self._offsets[spots[row]]))
        return found

    def _merge(self) -> None:
        import numpy as np

        fresh = sorted(self._recent.items())
        keys = np.array([key for key, _ in fresh], dtype=self._keys.dtype)
        spots = np.searchsorted(self._keys, keys)
        # One array after the other, so that no two stand twice in memory.
        self._keys = np.insert(self._keys, spots, keys)
        self._files = np.insert(self._files, spots, np.array([place.file for _, place in fresh], dtype=np.uint32))
        self._offsets = np.insert(self._offsets, spots, np.array([place.offset for _, place in fresh], dtype=np.uint64))
        self._recent = {}


def _raw(key: str) -> bytes:
    return bytes.fromhex(key[: 2 * _KEY_BYTES])
