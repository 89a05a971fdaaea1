"""Rows of JSON: one object per line, arrays, and objects over several lines. Read piece by piece.

`datasets` names no line in its errors and fails on columns that begin with many nulls; pyarrow's reader fails on
columns of two types.
"""

from __future__ import annotations

import codecs
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

from bleuberi.data import bounds
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError

_BLANKS: Final = " \t\r\n"
_TABLES: Final = ("data", "rows", "train", "examples", "instances", "items", "records")
"""Keys under which an object that is a whole file has its rows."""

Item = tuple[str, Any]  # place, value


class _RepeatedKeyError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        key = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise _RepeatedKeyError(f"duplicate key {key[:60]!r}")
    return made


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object)


def json_rows(path: Path, *, one_per_line: bool) -> Iterator[RawRow]:
    """The rows of a file. Errors: `UserError` that names the line or the item, also for a key that occurs twice.

    `one_per_line`: the name says so (e.g. `.jsonl`). In other files an object with a list under one of the keys `data`,
    `rows`, ... is a table too.
    """
    with bounds.packing_errors(path):
        first = bounds.first_visible_byte(path)
        if first == b"[":
            items = _array_items(path)
        else:
            items = _lines_or_objects(path)
            if not one_per_line:
                items = _unwrapped(path, items)
        for place, value in items:
            if not isinstance(value, dict):
                raise UserError(f"{place} is not a JSON object.", "Every row must be an object: {...}.")
            yield RawRow(place, value)


def _lines_or_objects(path: Path) -> Iterator[Item]:
    """One value per line; or, if the first line is not a whole value, values over several lines."""
    lines = _line_items(path)
    try:
        first = next(lines, None)
    except UserError as error:
        cause = error.__cause__
        if not isinstance(cause, json.JSONDecodeError) or cause.msg == "Extra data":  # a whole value, and more
            raise
        objects = _values(path, in_array=False)
        try:
            first = next(objects, None)
        except UserError:
            raise error from error.__cause__
        lines = objects
    return itertools.chain([] if first is None else [first], lines)


def _unwrapped(path: Path, items: Iterator[Item]) -> Iterator[Item]:
    """The rows of a file that is one object with a table in it; other files as they are."""
    first, second = next(items, None), next(items, None)
    if first is None:
        return
    table = _table(first[1]) if second is None else None
    if table is None:
        yield from (item for item in (first, second) if item is not None)
        yield from items
        return
    for number, value in enumerate(table, 1):
        yield f"{path.name}, item {number}", value


def _table(value: object) -> list[Any] | None:
    if not isinstance(value, dict) or "id" in value or "prompt" in value:
        return None
    found = [key for key in _TABLES if isinstance(value.get(key), list) and value[key]]
    rows: list[Any] = value[found[0]] if len(found) == 1 else []
    return rows if rows and all(isinstance(row, dict) for row in rows) else None


def _line_items(path: Path) -> Iterator[Item]:
    with bounds.open_bounded(path) as stream:
        for number, line in enumerate(bounds.bounded_lines(path, stream), 1):
            if not line.strip():
                continue
            place = f"{path.name}, line {number}"
            bounds.check_containers(place, line)
            try:
                yield place, _DECODER.decode(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
                raise UserError(
                    f"{place} is not valid JSON: {error}", "Correct or remove that line, then rerun."
                ) from error


def _array_items(path: Path) -> Iterator[Item]:
    return _values(path, in_array=True)


def _values(path: Path, *, in_array: bool) -> Iterator[Item]:
    """The items of an array, or values one after the other. Memory grows with the longest of them only."""
    number = 0
    try:
        with bounds.open_bounded(path) as stream:
            text = _Text(path, stream)
            if in_array:
                text.skip("[")
            while text.peek() != ("]" if in_array else "") or number:
                number += 1
                place = f"{path.name}, item {number}"
                yield place, text.value(place)
                after = text.peek()
                if not in_array and not after:
                    return
                if in_array and after not in (",", "]"):
                    raise ValueError("',' or ']' expected" if after else "it ends in the middle")
                if in_array:
                    text.skip(after)
                if in_array and after == "]":
                    break
            else:
                text.skip("]")
            if in_array and text.peek():
                raise ValueError("text follows its array")
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(
            f"{path} is not valid JSON: item {number}: {error}", "Correct the file, or write one object per line."
        ) from error


class _Text:
    """The text of a stream, of which only the part being parsed is in memory."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._blocks = bounds.bounded_blocks(path, stream)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._held = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """The next letter that is not blank; empty at the end."""
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _BLANKS:
                    return self._held[self._at]
                self._at += 1
            if not self._more():
                return ""

    def skip(self, letter: str) -> None:
        """Skip a letter that `peek` returned."""
        self.peek()
        self._at += len(letter)

    def value(self, place: str) -> Any:  # noqa: ANN401 - any JSON value
        """The next value. Errors: `ValueError`, `RecursionError`, `UserError` for one that is too long."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except json.JSONDecodeError:
                # Not there as a whole, or damaged: only the rest can tell.
                self._check_length(place)
                if not self._more(2 * (len(self._held) - self._at)):
                    raise
                bounds.check_containers(place, self._held)
                continue
            if end == len(self._held) and self._more():  # the rest of a number may follow
                continue
            self._at = end
            return value

    def _check_length(self, place: str) -> None:
        if len(self._held) - self._at > bounds.MAX_ROW_BYTES:
            raise UserError(
                f"{place} is longer than {bounds.MAX_ROW_BYTES >> 20} MiB, or is not closed.",
                "Leave out rows of that size, and check that the file is valid JSON.",
            )

    def _more(self, wanted: int = 1) -> bool:
        """Read further, until at least `wanted` letters are there if possible. False at the end."""
        parts = [self._held[self._at :]]
        self._at = 0
        target = len(parts[0]) + wanted
        size = len(parts[0])
        while size < target and not self._ended:
            block = next(self._blocks, b"")
            self._ended = not block
            parts.append(self._decoder.decode(block, final=self._ended))
            size += len(parts[-1])
        grew = size > len(parts[0])
        self._held = "".join(parts)
        return grew
