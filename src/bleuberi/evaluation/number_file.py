"""Columns of numbers in a private temporary file: memory grows with the columns in use, not with all of them."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from bleuberi.on_disk import temporary_errors

FloatArray = NDArray[np.float64]

_BYTES: Final = 8
_AT_A_TIME: Final = 4096  # numbers of a column in memory while it is iterated


class NumberFile:
    """Numbers by place. The file has no name, so nothing is left of it when the process ends or is killed."""

    def __init__(self) -> None:
        with temporary_errors():
            self._file = tempfile.TemporaryFile(prefix="bleuberi-", buffering=0)  # noqa: SIM115 - closed with this object
        self._end = 0

    def reserve(self, count: int) -> int:
        """The place of `count` numbers that are written later."""
        place, self._end = self._end, self._end + count
        return place

    def write(self, place: int, values: FloatArray) -> None:
        """Errors: `UserError` if the disk is full."""
        waiting = np.ascontiguousarray(values, dtype=np.float64).reshape(-1).view(np.uint8).data
        with temporary_errors():
            self._file.seek(place * _BYTES)
            while waiting:
                waiting = waiting[self._file.write(waiting) :]

    def read(self, place: int, count: int) -> FloatArray:
        """The numbers from `place` on, all of which were written."""
        found = np.empty(count, dtype=np.float64)
        waiting = found.view(np.uint8).data
        with temporary_errors():
            self._file.seek(place * _BYTES)
            while waiting:
                done = self._file.readinto(waiting)
                if not done:
                    raise EOFError(f"the numbers from {place} on were not written")
                waiting = waiting[done:]
        return found

    def column(self, rows: int) -> Column:
        """A column of so many numbers, which are written later."""
        return Column(self, self.reserve(rows), rows)


class Column(Sequence[float | None]):
    """A column in a `NumberFile`; None is stored as NaN."""

    def __init__(self, file: NumberFile, place: int, rows: int) -> None:
        self._file, self._place, self._rows = file, place, rows

    def write(self, start: int, values: Iterable[float | None]) -> None:
        """Write the numbers from row `start` on."""
        self._file.write(self._place + start, numbers(values))

    def read(self, start: int = 0, end: int | None = None) -> FloatArray:
        """The numbers, NaN for None."""
        return self._file.read(self._place + start, (self._rows if end is None else end) - start)

    def __len__(self) -> int:
        return self._rows

    @overload
    def __getitem__(self, place: int) -> float | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[float | None]: ...
    def __getitem__(self, place: int | slice) -> float | list[float | None] | None:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(self._rows))]
        if not -self._rows <= place < self._rows:
            raise IndexError(place)
        place %= self._rows
        return _known(float(self.read(place, place + 1)[0]))

    def __iter__(self) -> Iterator[float | None]:
        for start in range(0, self._rows, _AT_A_TIME):
            yield from map(_known, self.read(start, min(start + _AT_A_TIME, self._rows)).tolist())


def numbers(values: Iterable[float | None]) -> FloatArray:
    """The values as an array, NaN for None."""
    if isinstance(values, np.ndarray):
        return values
    if isinstance(values, Column):
        return values.read()
    return np.fromiter((math.nan if value is None else value for value in values), dtype=np.float64)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
