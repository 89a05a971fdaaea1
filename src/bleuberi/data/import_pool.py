"""Make a pool of instruction files in any common shape.

Rows with the same prompt are one instruction with several references, within a file and across files: that is how the
answers of several models become a pool. Each file is read twice, first for its columns, then for its rows; with a limit
once, its rows in memory. The instructions are held in memory.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi import columns
from bleuberi.artifacts import content_hash
from bleuberi.data.layouts import Instruction, Layout, complete, read_instructions
from bleuberi.data.pool import pool_name
from bleuberi.data.pool_file import check_pool_path, made_before, write_pool
from bleuberi.data.raw_row import RawRow, row_bytes
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.records import Message

KIND: Final = "imported_pool"
_ID_LETTERS: Final = 16
_NUMBER: Final = re.compile(r"_\d+$")
_NULLS_UP_TO: Final = 100  # names of models


@dataclass(frozen=True, slots=True)
class ImportConfig:
    """Which files, what their columns hold where that is not to be guessed, and where the pool goes."""

    files: tuple[str, ...]
    output: Path
    layout: Layout = field(default_factory=Layout)
    new_ids: bool = False
    split: str = "train"
    subset: str | None = None
    limit: int | None = None  # the first rows of each file; the others are not read
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """The pool that was written, and what became of the rows that were read."""

    path: Path
    rows_read: int
    instructions: int
    references: dict[str, int]  # reference model -> how many instructions have its answer
    left_out: dict[str, int]
    layouts: dict[str, str]  # file -> what its columns were taken for


@dataclass(slots=True)
class _Row:
    """One instruction as it grows."""

    id: str | None
    source: str
    turns: tuple[Message, ...]
    answers: dict[str, str]
    numbers: dict[str, int] = field(default_factory=dict)  # by name: how far its answers are numbered
    texts: set[tuple[str, str]] = field(default_factory=set)  # name, text

    def add(self, answers: Mapping[str, str]) -> bool:
        """Keep the answers that are new; further ones of a name as `NAME_2` and so on. False if none was new."""
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


@dataclass(slots=True)
class _Found:
    """The instructions by what they ask, and what is counted on the way."""

    rows: dict[str, _Row] = field(default_factory=dict)
    rows_read: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    layouts: dict[str, str] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)

    def add(self, read: Instruction, source: str) -> None:
        if read.left_out or not read.turns:
            self.left_out[read.left_out or "without a prompt"] += 1
        if not read.turns:
            return
        asked = json.dumps(read.turns, sort_keys=True)  # noqa: TID251 - a key, not written
        row = self.rows.get(asked)
        if row is None:
            row = self.rows[asked] = _Row(read.id, read.source or source, read.turns, {})
            row.add(read.answers)
        elif not row.add(read.answers) and not read.left_out:
            self.left_out["with nothing new for a prompt that stands earlier"] += 1

    def references(self) -> dict[str, int]:
        """Reference model -> instructions with its answer, gold first, then in the order of the files."""
        counts = Counter(name for row in self.rows.values() for name in row.answers)
        return dict(sorted(counts.items(), key=lambda entry: entry[0] != columns.GOLD))


def import_pool(config: ImportConfig) -> Imported:
    """Write the pool, or find it made. Errors: `UserError`; nothing half-written is left."""
    check_pool_path(config.output)
    if config.limit is not None and config.limit < 1:
        raise UserError(f"--limit must be at least 1 (got {config.limit}).", "Omit it to read all rows.")
    found = _Found()
    for file in config.files:
        _read(file, config, found)
    if not found.rows:
        raise UserError(
            f"No row of {', '.join(config.files)} has a prompt ({found.rows_read} rows read).",
            "Check the files, and name the columns with --prompt COLUMN.",
        )
    names = list(found.references())
    request: dict[str, Any] = {
        "files": [pool_name(file) for file in config.files],
        "files_sha256": found.digests,
        "layouts": list(found.layouts.values()),
        "new_ids": config.new_ids,
    }
    # The sentences of the layouts do not always name these.
    named = {"id": config.layout.id, "named_by": config.layout.named_by, "limit": config.limit}
    request |= {name: value for name, value in named.items() if value is not None}
    facts = {
        "rows_read": found.rows_read,
        "rows": len(found.rows),
        "references": found.references(),
        "left_out": dict(found.left_out),
    }
    if made_before(config.output, request, overwrite=config.overwrite) is None:
        write_pool(config.output, _pool_rows(found, names, new_ids=config.new_ids), KIND, request, lambda: facts)
    return Imported(
        config.output, found.rows_read, len(found.rows), found.references(), dict(found.left_out), found.layouts
    )


def _read(file: str, config: ImportConfig, found: _Found) -> None:
    rows = read_rows(file, config.split, config.subset, config.limit)
    held = None if config.limit is None else list(rows)  # read once: a hub set is downloaded each time
    rows = rows if held is None else iter(held)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{file} has no rows.", "Check the path, and that the file was written to its end.")
    layout = complete(config.layout, itertools.chain([first], rows))
    found.layouts[file] = layout.sentence()
    digest = hashlib.sha256()

    def noted(rows: Iterator[RawRow]) -> Iterator[RawRow]:
        for raw in rows:
            found.rows_read += 1
            digest.update(row_bytes(raw))
            yield raw

    rows = read_rows(file, config.split, config.subset) if held is None else iter(held)
    for instruction in read_instructions(noted(rows), layout):
        found.add(instruction, pool_name(file))
    found.digests.append(digest.hexdigest())


def _pool_rows(found: _Found, names: list[str], *, new_ids: bool) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    # A column in some rows only is more than readers of tables take (`load_dataset("json")`): all rows, or none.
    with_turns = any(len(row.turns) > 1 for row in found.rows.values())
    for place, (asked, row) in enumerate(found.rows.items()):
        row_id = row.id if row.id is not None and not new_ids else content_hash(asked)[:_ID_LETTERS]
        if row_id in seen:
            raise UserError(
                f"The id {row_id!r} stands for two different prompts.",
                "Name a column of ids with --id COLUMN, or have them made from the prompts with --new_ids.",
            )
        seen.add(row_id)
        # With very many names, nulls in every row would make the file grow as their square; the first row has them all.
        shown = names if place == 0 or len(names) <= _NULLS_UP_TO else row.answers
        yield {
            columns.ID: row_id,
            columns.SOURCE: row.source,
            columns.PROMPT: next(turn["content"] for turn in reversed(row.turns) if turn["role"] == "user"),
            **({columns.MESSAGES: list(row.turns)} if with_turns else {}),
            # A blank in the first row tells such readers that a text follows; it counts as no reference.
            **{columns.reference_column(name): row.answers.get(name, None if place else "") for name in shown},
        }
