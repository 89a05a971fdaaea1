"""Rows of data sets of the library `datasets`: folders that `save_to_disk` wrote, and the Hugging Face hub."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from bleuberi.data import bounds
from bleuberi.data.disguised import refuse_disguised
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import MissingExtraError, UserError

log = logging.getLogger(__name__)

_ROWS: Final = 64  # at once
MARKS: Final = ("dataset_info.json", "state.json", "dataset_dict.json")
"""Files by which a folder that `save_to_disk` wrote is known."""


def saved_rows(path: Path, split: str) -> Iterator[RawRow]:
    """The rows of a folder that `save_to_disk` wrote. Errors: `UserError`."""
    for part in (*path.glob("*.*"), *path.glob("*/*.*")):
        if part.is_file():
            refuse_disguised(part)
    datasets = _datasets("Reading a data set folder")
    try:
        loaded = datasets.load_from_disk(str(path))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"{path} is a folder, but not a data set that `save_to_disk` wrote.",
            "Give the data set's own folder, a folder of tables, or a .jsonl, .json, .csv or .parquet file.",
        ) from error
    yield from _rows(loaded, path.name, split, _saved_tables)


def hub_rows(source: str, split: str, subset: str | None, *, streamed: bool = False) -> Iterator[RawRow]:
    """The rows of a data set on the hub; with `streamed`, only the rows that are read are downloaded. Errors:
    `UserError`."""
    datasets = _datasets("Loading a data set from the Hugging Face hub")
    streamed = streamed and not datasets.config.HF_HUB_OFFLINE  # without a network only the cache has it
    with _hub_errors(source):
        loaded = datasets.load_dataset(source, subset, streaming=streamed)
    if streamed:
        with _hub_errors(source):  # a stream meets the network and the files row by row
            yield from _rows(loaded, source, split)
    else:
        yield from _rows(loaded, source, split)


@contextlib.contextmanager
def _hub_errors(source: str) -> Iterator[None]:
    """Turn errors of the hub, its cache, its files or the network into a `UserError`."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # one of these three in every way that they fail
        lines = str(error).splitlines() or [type(error).__name__]
        if lines[0].startswith("Config name is missing"):
            raise UserError(
                f"The data set {source} has several subsets. {' '.join(lines[1:])[:300]}",
                "Choose one: bleuberi data import --subset NAME makes a pool of it.",
            ) from error
        reason = lines[0][:200]
        raise UserError(
            f"The data set {source} is neither a local file nor could it be loaded from the Hugging Face hub: {reason}",
            "Check the name and the network, or give a local file.",
        ) from error


def _tables(loaded: Any) -> Iterator[Any]:  # noqa: ANN401 - pyarrow's tables
    """The rows as Arrow, so that nothing is decoded and no file that a row names is opened."""
    yield from loaded.with_format("arrow").iter(batch_size=_ROWS)


def _saved_tables(loaded: Any) -> Iterator[Any]:  # noqa: ANN401
    """The rows of a folder's files, which the library maps: each page that was read would count as used memory."""
    import pyarrow as pa

    for entry in loaded.cache_files:
        with pa.OSFile(entry["filename"]) as file:
            for batch in pa.ipc.open_stream(file):
                yield from pa.Table.from_batches([batch]).to_batches(max_chunksize=_ROWS)


def _rows(
    loaded: Any,  # noqa: ANN401 - a data set, or one per split
    name: str,
    split: str,
    tables: Callable[[Any], Iterator[Any]] = _tables,
) -> Iterator[RawRow]:
    if isinstance(loaded, dict):
        if split not in loaded:
            raise UserError(
                f"The data set {name} has no split {split}, only: {', '.join(loaded)}.",
                f"Choose one with --split, e.g. --split {next(iter(loaded), 'train')}; for the data set of --against "
                "use --against_split.",
            )
        loaded = loaded[split]
    number = 0
    told: set[str] = set()
    for table in tables(loaded):
        media = [field.name for field in table.schema if _holds_bytes(field.type)]
        if not told.issuperset(media):
            log.warning("%s: images, audio or other bytes are ignored: %s", name, ", ".join(media))
            told.update(media)
        for values in table.drop_columns(media).to_pylist():
            number += 1
            place = f"{name}, row {number}"
            bounds.check_row_size(place, values)
            yield RawRow(place, values)


def _holds_bytes(kind: Any) -> bool:  # noqa: ANN401 - a pyarrow type
    import pyarrow.types as known

    if known.is_binary(kind) or known.is_large_binary(kind):
        return True
    return any(_holds_bytes(kind.field(number).type) for number in range(kind.num_fields))


def _datasets(needed_for: str) -> Any:  # noqa: ANN401 - the module, which carries no types
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "train", needed_for) from error
    return datasets
