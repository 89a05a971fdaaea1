"""Rows in private temporary files, so that memory does not grow with their texts.

The files have no name, so nothing is left of them when the process ends or is killed.
"""

from __future__ import annotations

import os
import pickle
import sqlite3
import tempfile
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar, cast, overload

from bleuberi.errors import UserError

T = TypeVar("T")
U = TypeVar("U")
Key = TypeVar("Key", str, int)

_CACHE_KIB: Final = 2048  # of a database's pages in memory
_BLOCK_BYTES: Final = 1 << 20
_SETTINGS: Final = """
PRAGMA cache_size = -{cache_kib};
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
"""


def temporary_database(schema: str, cache_kib: int = _CACHE_KIB) -> sqlite3.Connection:
    """An unnamed database with the tables of `schema`. Its single transaction never ends, because a commit would write
    every changed page, and nothing outlives the connection. Errors: `UserError` if the disk is full."""
    store = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    with temporary_errors():
        store.executescript(f"{_SETTINGS.format(cache_kib=cache_kib)}{schema}; BEGIN")
    return store


@contextmanager
def temporary_errors(what: str = "Temporary rows") -> Iterator[None]:
    """Turn errors of the directory for temporary files into a `UserError`. The block touches no other file."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{what} could not be written to the directory for temporary files: {reason}",
            "Free space there, or set TMPDIR and SQLITE_TMPDIR to a directory with space, then rerun.",
        ) from error


class Spilled(Sequence[T]):
    """A sequence whose items are pickled in a temporary file. Memory grows by 8 bytes per item.

    Each access reads its item from the file. Errors: `UserError` if the disk is full.
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        with temporary_errors():
            # Only its descriptor is used: each read and write names its own place.
            self._file = tempfile.TemporaryFile(prefix="bleuberi-", buffering=0)  # noqa: SIM115 - closed with this object
        self._ends = array("Q", [0])
        self._waiting = bytearray()  # the end, which is not written yet
        self._written = 0
        for item in items:
            self.append(item)

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self._waiting += pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        self._ends.append(self._written + len(self._waiting))
        if len(self._waiting) >= _BLOCK_BYTES:
            self._flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            begin, end, step = place.indices(len(self))
            return list(self._read(begin, end)) if step == 1 else [self[one] for one in range(begin, end, step)]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        return next(self._read(place, place + 1))

    def __iter__(self) -> Iterator[T]:
        return self._read(0, len(self))

    def _read(self, begin: int, end: int) -> Iterator[T]:
        """The items from `begin` to before `end`, a block at a time."""
        if self._waiting:
            self._flush()
        ends = self._ends
        while begin < end:
            start = ends[begin]
            after = max(begin + 1, min(end, bisect_right(ends, start + _BLOCK_BYTES, begin, end + 1) - 1))
            block = memoryview(os.pread(self._file.fileno(), ends[after] - start, start))
            for place in range(begin, after):
                yield pickle.loads(block[ends[place] - start : ends[place + 1] - start])  # of this process
            begin = after

    def _flush(self) -> None:
        with temporary_errors():
            waiting = memoryview(self._waiting)
            while waiting:
                waiting = waiting[self._file.write(waiting) :]
        self._written, self._waiting = self._ends[-1], bytearray()


class Mapped(Sequence[U]):
    """A view of a sequence: each access calls function(item) again."""

    def __init__(self, items: Sequence[T], change: Callable[[T], U]) -> None:
        self._one: Callable[[int], U] = lambda place: change(items[place])
        self._part: Callable[[slice], list[U]] = lambda places: list(map(change, items[places]))
        self._all: Callable[[], Iterator[U]] = lambda: map(change, items)
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, place: int) -> U: ...
    @overload
    def __getitem__(self, place: slice) -> list[U]: ...
    def __getitem__(self, place: int | slice) -> U | list[U]:
        return self._part(place) if isinstance(place, slice) else self._one(place)

    def __iter__(self) -> Iterator[U]:
        return self._all()


class Looked(Mapping[str, U]):
    """A view of a mapping: each access calls function(key, value) again."""

    def __init__(self, found: Mapping[str, T], read: Callable[[str, T], U]) -> None:
        self._one: Callable[[str], U] = lambda key: read(key, found[key])
        self._found = found

    def __getitem__(self, key: str) -> U:
        return self._one(key)

    def __contains__(self, key: object) -> bool:
        return key in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Noted:
    """Texts with one note each, in a temporary database. A text that is added again keeps its first note."""

    def __init__(self) -> None:
        self._store = temporary_database(
            "CREATE TABLE texts (text BLOB PRIMARY KEY, note BLOB) WITHOUT ROWID", cache_kib=16_384
        )

    def add(self, text: str, note: str) -> str | None:
        """Add a text with a note. Returns the earlier note if the text was added before, else None. Errors: `UserError`
        if the disk is full."""
        key = text.encode("utf-8", "surrogatepass")
        with temporary_errors():
            row = (key, note.encode("utf-8", "surrogatepass"))
            if self._store.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", row).rowcount:
                return None
            (found,) = self._store.execute("SELECT note FROM texts WHERE text = ?", (key,)).fetchone()
        return bytes(found).decode("utf-8", "surrogatepass")


class Numbers(Mapping[Key, list[int]]):
    """Whole numbers by key, in a temporary database. Keys and the numbers of each are in ascending order."""

    def __init__(self) -> None:
        self._store = temporary_database(
            "CREATE TABLE numbers (key BLOB, number INTEGER, PRIMARY KEY (key, number)) WITHOUT ROWID"
        )

    def add(self, key: Key, number: int) -> None:
        """Keep a number for a key; nothing if it has that number. Errors: `UserError` if the disk is full."""
        with temporary_errors():
            self._store.execute("INSERT OR IGNORE INTO numbers VALUES (?, ?)", (_stored(key), number))

    def total(self) -> int:
        """How many numbers all keys have together."""
        return self._count("*")

    def __getitem__(self, key: Key) -> list[int]:
        with temporary_errors():
            rows = self._store.execute("SELECT number FROM numbers WHERE key = ? ORDER BY number", (_stored(key),))
            found = [number for (number,) in rows]
        if not found:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[Key]:
        with temporary_errors():
            for (key,) in self._store.execute("SELECT DISTINCT key FROM numbers ORDER BY key"):
                yield cast(Key, key.decode("utf-8", "surrogatepass") if isinstance(key, bytes) else key)

    def __len__(self) -> int:
        return self._count("DISTINCT key")

    def _count(self, what: str) -> int:
        with temporary_errors():
            return int(self._store.execute(f"SELECT COUNT({what}) FROM numbers").fetchone()[0])


def _stored(key: str | int) -> bytes | int:
    return key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
