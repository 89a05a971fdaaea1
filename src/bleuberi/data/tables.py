"""Read the rows of any table: a file, a folder, a data set on the hub. All commands read tables with it.

To read another format, write its `..._rows` and add its ending to `_KINDS`.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bleuberi.artifacts import local_path
from bleuberi.data import bounds
from bleuberi.data.csv_rows import csv_rows
from bleuberi.data.disguised import refuse_disguised
from bleuberi.data.json_rows import json_rows
from bleuberi.data.parquet_rows import parquet_rows
from bleuberi.data.raw_row import RawRow
from bleuberi.data.stored_datasets import MARKS, hub_rows, saved_rows
from bleuberi.errors import UserError

_KINDS: Final[dict[str, Callable[[Path], Iterator[RawRow]]]] = {
    ".jsonl": lambda path: json_rows(path, one_per_line=True),
    ".json": lambda path: json_rows(path, one_per_line=False),
    ".parquet": parquet_rows,
    ".ndjson": lambda path: json_rows(path, one_per_line=True),
    ".csv": lambda path: csv_rows(path, ","),
    ".tsv": lambda path: csv_rows(path, "\t"),
}
TABLE_FORMATS: Final = tuple(_KINDS)
_READ: Final = f"{', '.join(TABLE_FORMATS)} (packed too: {', '.join(bounds.PACKERS)})"
_SHARDS: Final = tuple(kind for kind in _KINDS if kind != ".json")  # folders have their metadata in .json
_SPLITS: Final = ("train", "test", "validation", "valid", "dev", "eval")
_SPLIT: Final = re.compile(
    r"(?P<split>[A-Za-z]\w*?)(?:[-_.]\d{4,}(?:[-_]of[-_]\d+(?:-\w+)?)?)?\."
)  # train-00000-of-00002.


def table_format(name: str) -> str | None:
    """The ending by which a file is read, without that of its packer, e.g. `.jsonl`; None if it is not read.

    Case does not count."""
    lower = name.lower()
    packer = next((ending for ending in bounds.PACKERS if lower.endswith(ending)), "")
    return next((kind for kind in _KINDS if lower.removesuffix(packer).endswith(kind)), None)


def is_hub_id(source: str) -> bool:
    """Whether `read_rows` would look for the source on the hub."""
    packed = source.lower().endswith(bounds.PACKERS)
    named_so = packed or table_format(source) or source.startswith((".", "/", "~")) or source.count("/") != 1
    return not named_so and not local_path(source).exists()


def read_rows(
    source: str, split: str = "train", subset: str | None = None, limit: int | None = None
) -> Iterator[RawRow]:
    """The rows of a table one by one. `split` is for data sets that have splits, `subset` for hub data sets that have
    several. With `limit`, only the first rows: the rest of a file is not read, and the rest of a hub data set is not
    downloaded. Errors: `UserError` that names the file, and the line or row."""
    count = None if limit is None else min(limit, sys.maxsize)  # islice counts no further
    return itertools.islice(_rows_of(source, split, subset, streamed=limit is not None), count)


def _rows_of(source: str, split: str, subset: str | None, *, streamed: bool) -> Iterator[RawRow]:
    path = local_path(source)
    if path.is_dir():
        return _rows_of_folder(path, split)
    if path.is_file():
        return _rows_of_file(path)
    if path.exists():
        raise UserError(
            f"{source} is neither a file nor a folder.", "Write the output of a pipe or device to a file first."
        )
    if not is_hub_id(source):
        raise UserError(
            f"File or folder {source} does not exist.",
            "Check the path: a file, a data set folder, or a hub id owner/name.",
        )
    return hub_rows(source, split, subset, streamed=streamed)


def _rows_of_file(path: Path) -> Iterator[RawRow]:
    kind = table_format(path.name)
    refuse_disguised(path)
    if kind is None:
        raise UserError(f"{path} has an unsupported file type.", f"Give one of: {_READ}.")
    return _KINDS[kind](path)


def table_files(source: str) -> list[Path]:
    """The files of which `read_rows` reads some, or the folder that one program saved; the source itself if it is not
    a folder."""
    path = local_path(source)
    if not path.is_dir() or any((path / mark).is_file() for mark in MARKS):
        return [path]
    return [file for file in sorted(path.rglob("*")) if _is_shard(file, path)]


def _rows_of_folder(path: Path, split: str) -> Iterator[RawRow]:
    shards = table_files(str(path))
    if shards == [path]:
        return saved_rows(path, split)
    kinds = {table_format(file.name) for file in shards}
    if not shards:
        return saved_rows(path, split)  # for its error
    if len(kinds) > 1:
        raise UserError(
            f"{path} has files of several types: {', '.join(sorted(str(kind) for kind in kinds))}.",
            "Give a folder with one type of files, or a single file.",
        )
    return _rows_of_shards(path, shards, split)


def _is_shard(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return not hidden and table_format(file.name) in _SHARDS and file.is_file()


def _rows_of_shards(root: Path, shards: list[Path], split: str) -> Iterator[RawRow]:
    """The rows of the shards of one split, which names of files or folders tell (`train-00000-of-00002.parquet`,
    `test/0.parquet`); of all shards if none of them does."""
    splits: dict[str, list[Path]] = {}
    for shard in shards:
        splits.setdefault(_split_of(shard.relative_to(root)), []).append(shard)
    known = [name for name in splits if name in (*_SPLITS, split)]
    if known and split not in splits:
        raise UserError(
            f"The folder {root} has no split {split}, only: {', '.join(known)}.",
            f"Choose one with --split, e.g. --split {known[0]}; for the data set of --against use --against_split.",
        )
    for shard in splits[split] if known else shards:
        for raw in _rows_of_file(shard):
            yield raw._replace(place=f"{shard.parent.relative_to(root.parent).as_posix()}/{raw.place}")


def _split_of(shard: Path) -> str:
    match = _SPLIT.match(shard.name)
    folders = [part for part in shard.parts[:-1] if part != "data"]
    name = match["split"] if match else ""
    return name if not folders or name in _SPLITS else folders[-1]
