"""Convert instruction files in any common layout to a pool.

Rows with the same prompt are one instruction with several references, within a file and across files: that is how the
answers of several models become a pool. Each file is read twice, first for its columns, then for its rows; with a limit
only once, with its rows in a temporary file. The instructions are kept in another.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.config import ImportConfig
from bleuberi.data.gathered import Gathered
from bleuberi.data.layouts import Layout, complete, read_instructions
from bleuberi.data.pool import pool_name
from bleuberi.data.pool_file import check_pool_path, made_before, write_pool
from bleuberi.data.raw_row import RawRow, row_bytes
from bleuberi.data.tables import read_rows, table_files
from bleuberi.data.trees import FLAT
from bleuberi.errors import UserError
from bleuberi.made import refuse_input
from bleuberi.on_disk import Spilled

KIND: Final = "imported_pool"
_NULLS_UP_TO: Final = 100  # names of models


@dataclass(frozen=True, slots=True)
class Imported:
    """The written pool, and counts of the rows that were read."""

    path: Path
    rows_read: int
    instructions: int
    references: dict[str, int]  # reference model -> how many instructions have its answer
    left_out: dict[str, int]
    layouts: dict[str, str]  # file -> what its columns were taken for
    unread: dict[str, list[str]]  # file -> its other columns


@dataclass(slots=True)
class _Found:
    """The instructions, and notes about the files, collected while reading."""

    instructions: Gathered = field(default_factory=Gathered)
    rows_read: int = 0
    layouts: dict[str, str] = field(default_factory=dict)
    unread: dict[str, list[str]] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)


def import_pool(config: ImportConfig) -> Imported:
    """Write the pool, or reuse an equal one. Errors: `UserError`; nothing half-written is left."""
    check_pool_path(config.output)
    refuse_input(config.output, [path for file in config.files for path in table_files(file)])
    if config.limit is not None and config.limit < 1:
        raise UserError(f"--limit must be at least 1 (got {config.limit}).", "Omit it to read all rows.")
    found = _Found()
    for file in config.files:
        _read(file, config, found)
    counts = found.instructions.join(new_ids=config.new_ids)
    if not counts.rows:
        raise UserError(
            f"No row of {', '.join(config.files)} has a prompt ({found.rows_read} rows read).",
            "Check the files, and name the columns with --prompt COLUMN.",
        )
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
        "rows": counts.rows,
        "references": counts.references,
        "left_out": counts.left_out,
    }
    if made_before(config.output, request, overwrite=config.overwrite) is None:
        rows = _pool_rows(found.instructions, list(counts.references), new_ids=config.new_ids)
        write_pool(config.output, rows, KIND, request, lambda: facts)
    numbers = (found.rows_read, counts.rows, counts.references, counts.left_out)
    return Imported(config.output, *numbers, found.layouts, found.unread)


def _read(file: str, config: ImportConfig, found: _Found) -> None:
    rows = read_rows(file, config.split, config.subset, config.limit)
    held = None if config.limit is None else Spilled(rows)  # read once: a hub set is downloaded each time
    rows = rows if held is None else iter(held)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{file} has no rows.", "Check the path, and that the file is complete.")
    layout = complete(config.layout, itertools.chain([first], rows))
    found.layouts[file] = layout.sentence()
    digest = hashlib.sha256()
    names: dict[str, None] = {}

    def noted(rows: Iterator[RawRow]) -> Iterator[RawRow]:
        for raw in rows:
            found.rows_read += 1
            names.update(dict.fromkeys(raw.values))
            digest.update(row_bytes(raw))
            yield raw

    rows = read_rows(file, config.split, config.subset) if held is None else iter(held)
    for instruction in read_instructions(noted(rows), layout):
        found.instructions.add(instruction, pool_name(file))
    found.digests.append(digest.hexdigest())
    found.unread[file] = _unread(layout, names)


def _unread(layout: Layout, names: Iterable[str]) -> list[str]:
    """The named columns that the layout does not read."""
    if layout.flat_trees:
        return [name for name in names if name not in (*FLAT, "rank", "deleted")]
    one = (layout.system, layout.named_by, layout.id, columns.SOURCE)
    known = itertools.chain.from_iterable(names for names in astuple(layout.known) if isinstance(names, tuple))
    read = {*layout.prompt, *(column for _, column in layout.references), *one, *known}
    if columns.MESSAGES in read:
        read.add(columns.PROMPT)  # a pool has the last turn in both
    heads = {column.partition(".")[0] for column in read if column}
    return [name for name in names if name and name not in read | heads]


def _pool_rows(instructions: Gathered, names: list[str], *, new_ids: bool) -> Iterator[dict[str, Any]]:
    if (repeated := instructions.repeated_id()) is not None:
        raise UserError(
            f"The id {repeated!r} has two different prompts.",
            "Name a column of ids with --id COLUMN, or create ids from the prompts with --new_ids.",
        )
    for place, row in enumerate(instructions.rows()):
        # With very many names, nulls in every row would make the file grow as their square; the first row has them all.
        shown = names if place == 0 or len(names) <= _NULLS_UP_TO else row.answers
        yield {
            columns.ID: row.own_id(new=new_ids),
            columns.SOURCE: row.source,
            columns.PROMPT: next(turn["content"] for turn in reversed(row.turns) if turn["role"] == "user"),
            # A column in some rows only is more than readers of tables take (`load_dataset("json")`).
            **({columns.MESSAGES: list(row.turns)} if instructions.with_turns else {}),
            # A blank in the first row tells such readers that a text follows; it counts as no reference.
            **{columns.reference_column(name): row.answers.get(name, None if place else "") for name in shown},
        }
