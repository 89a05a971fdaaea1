"""An index of answers' positions on disk, so that memory use stays constant.

A dictionary of half a million answers would use a gigabyte, and arrays of keys grow with each row. This is a
private temporary SQLite file: 40 bytes per row, removed when the process ends or is killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from bleuberi.on_disk import temporary_database, temporary_errors

_KEY_BYTES: Final = 16  # of SHA-256's 32: one collision in 10^19 caches of a billion rows
_KEYS_A_QUERY: Final = 500  # SQLite allows at least 999 parameters
_SCHEMA: Final = "CREATE TABLE places (key BLOB PRIMARY KEY, file INTEGER, offset INTEGER) WITHOUT ROWID"


class Place(NamedTuple):
    """A file number and the byte offset of a row."""

    file: int
    offset: int


class KeyIndex:
    """Keys (hex digests) and their places. The first place of a key is kept."""

    def __init__(self) -> None:
        self._store = temporary_database(_SCHEMA)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def add(self, keys: Sequence[str], places: Sequence[Place]) -> int:
        """Add keys with their places; known keys keep theirs. Returns the number of new keys."""
        rows = sorted((_raw(key), number, place) for number, (key, place) in enumerate(zip(keys, places, strict=True)))
        before = self._store.total_changes
        with temporary_errors("The index of answers"):
            self._store.executemany(
                "INSERT OR IGNORE INTO places VALUES (?, ?, ?)", ((key, *place) for key, _, place in rows)
            )
        new = self._store.total_changes - before
        self._rows += new
        return new

    def find(self, keys: Sequence[str]) -> list[Place | None]:
        """The place per key, or None if unknown."""
        wanted = [_raw(key) for key in keys]
        found: dict[bytes, Place] = {}
        for start in range(0, len(wanted), _KEYS_A_QUERY):
            part = wanted[start : start + _KEYS_A_QUERY]
            marks = ",".join("?" * len(part))
            with temporary_errors("The index of answers"):  # reading may write changed pages to make room in memory
                for key, file, offset in self._store.execute(f"SELECT * FROM places WHERE key IN ({marks})", part):
                    found[key] = Place(file, offset)
        return [found.get(key) for key in wanted]


def _raw(key: str) -> bytes:
    return bytes.fromhex(key[: 2 * _KEY_BYTES])
