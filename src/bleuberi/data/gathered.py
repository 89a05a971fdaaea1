"""Join instructions of files on disk that have the same prompt."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Final

from bleuberi import columns
from bleuberi.artifacts import content_hash
from bleuberi.data.layouts import Instruction
from bleuberi.on_disk import temporary_database, temporary_errors
from bleuberi.records import Message

_ID_LETTERS: Final = 16
_KEY_BYTES: Final = 16  # of SHA-256's 32
_NUMBER: Final = re.compile(r"_\d+$")
_AT_ONCE: Final = 512  # rows
_CACHE_KIB: Final = 8_192
_NOTHING_NEW: Final = "with nothing new for a prompt that stands earlier"
_SCHEMA: Final = """
CREATE TABLE instructions (number INTEGER PRIMARY KEY, asked BLOB, written TEXT);
CREATE TABLE ids (place INTEGER PRIMARY KEY, id TEXT)
"""
_JOIN: Final = """
CREATE TABLE joined AS
SELECT number, MIN(number) OVER (PARTITION BY asked) AS first FROM instructions ORDER BY first, number
"""
_IN_ORDER: Final = """
SELECT first, number, written FROM joined CROSS JOIN instructions USING (number) ORDER BY joined.rowid
"""
_SECOND: Final = """
SELECT id FROM (SELECT place, id, ROW_NUMBER() OVER (PARTITION BY id ORDER BY place) AS count FROM ids)
WHERE count = 2 ORDER BY place LIMIT 1
"""


@dataclass(slots=True)
class Row:
    """One instruction with the answers of all rows that have its prompt."""

    id: str | None
    source: str
    turns: tuple[Message, ...]
    answers: dict[str, str]
    numbers: dict[str, int] = field(default_factory=dict)  # by name: how far its answers are numbered
    texts: set[tuple[str, str]] = field(default_factory=set)  # name, text

    def add(self, answers: Mapping[str, str]) -> bool:
        """Add the new answers; further ones of the same name become `NAME_2` and so on. False if none was new."""
        before = len(self.answers)
        for name, text in answers.items():
            name = base if (base := _NUMBER.sub("", name)) in answers else name
            if (name, text) in self.texts:
                continue
            self.texts.add((name, text))
            number, free = self.numbers.get(name, 1), name
            while free in self.answers:
                number += 1
                free = f"{name}_{number}"
            self.answers[free] = text
            self.numbers[name] = number
        return len(self.answers) > before

    def own_id(self, *, new: bool) -> str:
        """The id from the file, or one derived from the prompt."""
        return self.id if self.id is not None and not new else content_hash(_asked(self.turns))[:_ID_LETTERS]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts over all rows."""

    rows: int
    references: dict[str, int]  # reference model -> instructions with its answer; gold first, then in their order
    left_out: dict[str, int]  # in the order of their first rows


class Gathered:
    """Instructions in a temporary database. Memory grows with the rows of the most frequent prompt only."""

    def __init__(self) -> None:
        self._store = temporary_database(_SCHEMA, _CACHE_KIB)
        self._waiting: list[tuple[int, bytes, str]] = []
        self._read = 0
        self._left_out: Counter[str] = Counter()
        self._first_left_out: dict[str, int] = {}
        self.with_turns = False  # whether any prompt has several turns

    def add(self, read: Instruction, source: str) -> None:
        """Add an instruction; `source` is its file's name. Errors: `UserError` if the disk is full."""
        self._read += 1
        if read.left_out or not read.turns:
            self._leave_out(read.left_out or "without a prompt", self._read)
        if not read.turns:
            return
        self.with_turns |= len(read.turns) > 1
        asked = hashlib.sha256(_asked(read.turns).encode()).digest()[:_KEY_BYTES]
        row = (read.id, read.source or source, read.turns, read.answers, bool(read.left_out))
        self._waiting.append((self._read, asked, json.dumps(row)))  # noqa: TID251 - read by this process
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def rows(self) -> Iterator[Row]:
        """The rows in the order of their first instructions, after `join`."""
        for row, _ in self._joined():
            yield row

    def join(self, *, new_ids: bool) -> Counts:
        """Join the added instructions by their prompts. Errors: `UserError` if the disk is full."""
        self._write()
        with temporary_errors():
            self._store.execute(_JOIN)
        names: Counter[str] = Counter()
        count = 0

        def ids() -> Iterator[tuple[int, str]]:
            nonlocal count
            for row, repeats in self._joined():
                count += 1
                names.update(row.answers.keys())
                for number in repeats:
                    self._leave_out(_NOTHING_NEW, number)
                yield count, json.dumps(row.own_id(new=new_ids))  # noqa: TID251 - read by this process

        with temporary_errors():
            self._store.executemany("INSERT INTO ids VALUES (?, ?)", ids())
        reasons = sorted(self._left_out, key=self._first_left_out.__getitem__)
        return Counts(
            count,
            dict(sorted(names.items(), key=lambda entry: entry[0] != columns.GOLD)),
            {reason: self._left_out[reason] for reason in reasons},
        )

    def repeated_id(self) -> str | None:
        """The first id that an earlier row has too; call it after `join`."""
        with temporary_errors():
            found = self._store.execute(_SECOND).fetchone()
        return None if found is None else str(json.loads(found[0]))

    def _leave_out(self, reason: str, number: int) -> None:
        self._left_out[reason] += 1
        self._first_left_out[reason] = min(number, self._first_left_out.get(reason, number))

    def _write(self) -> None:
        with temporary_errors():
            self._store.executemany("INSERT INTO instructions VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()

    def _joined(self) -> Iterator[tuple[Row, list[int]]]:
        """Each row, and the numbers of its instructions that added nothing new."""
        with temporary_errors():  # reading may write changed pages to make room in memory
            found: Iterator[tuple[int, int, str]] = self._store.execute(_IN_ORDER)
            for first, instructions in groupby(found, key=itemgetter(0)):
                repeats = []
                for _, number, written in instructions:
                    row_id, source, turns, answers, is_left_out = _read(written)
                    if number == first:
                        row = Row(row_id, source, turns, {})
                        row.add(answers)
                    elif not row.add(answers) and not is_left_out:
                        repeats.append(number)
                yield row, repeats


def _read(written: str) -> tuple[str | None, str, tuple[Message, ...], dict[str, str], bool]:
    row_id, source, turns, answers, is_left_out = json.loads(written)
    return row_id, source, tuple(turns), answers, is_left_out


def _asked(turns: tuple[Message, ...]) -> str:
    return json.dumps(turns, sort_keys=True)  # noqa: TID251 - a key, not written
