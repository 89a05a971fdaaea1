"""Read rows from any file or folder that a table can lie in. Knows file formats; knows no columns.

JSON lines are read here and not with `datasets`, which names no line in its errors and fails on columns that begin
with many nulls.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from bleuberi.artifacts import local_path
from bleuberi.data import bounds
from bleuberi.errors import MissingExtraError, UserError

TABLE_FORMATS = (".jsonl", ".json", ".parquet")
_PARQUET_ROWS = 256  # at once: a column that packs well can hold rows of megabytes


class RawRow(NamedTuple):
    """A row as it was read, and where it stood, for error messages."""

    place: str  # e.g. `pool.jsonl, line 12`
    values: Mapping[str, Any]


def row_bytes(raw: RawRow) -> bytes:
    """A row's content for a hash over a table; the order of its columns does not count."""
    return json.dumps(raw.values, sort_keys=True, default=str).encode()  # noqa: TID251 - hashed, not written


def read_rows(source: str, split: str = "train", subset: str | None = None) -> Iterator[RawRow]:
    """The rows of any table that a pool can lie in, one after the other; `split` is of data sets that have splits,
    `subset` of hub data sets that have several."""
    path = local_path(source)
    if path.is_dir():
        return _rows_of_dataset_folder(path, split)
    if path.is_file():
        bounds.refuse_pointer(path)
        kind = path.name.removesuffix(".gz")
        if kind.endswith(".parquet"):
            return _rows_of_parquet(path)
        if kind.endswith((".jsonl", ".json")):
            return _rows_of_json(path)
        raise UserError(
            f"{source} is of a kind that is not read here.", f"Give one of: {', '.join(TABLE_FORMATS)} (or .gz)."
        )
    if path.exists():
        raise UserError(
            f"{source} is neither a file nor a folder.", "Write what comes out of a pipe or a device to a file first."
        )
    if source.endswith((*TABLE_FORMATS, ".gz")) or source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise UserError(
            f"There is no file or folder {source}.",
            "Check the path: a file, a data set folder, or a hub id owner/name.",
        )
    return _rows_of_hub(source, split, subset)


def read_rows_or_csv(path: Path) -> Iterator[RawRow]:
    """The rows of a file that may also be CSV, whose cells stay texts. For what others made: we write no CSV."""
    if not path.name.removesuffix(".gz").endswith(".csv"):
        yield from read_rows(str(path))
        return
    bounds.refuse_pointer(path)
    csv.field_size_limit(bounds.MAX_ROW_BYTES)  # answers are longer than csv's default of 128 KiB allows
    try:
        with bounds.open_bounded(path) as stream:
            for number, values in enumerate(csv.DictReader(_csv_lines(path, stream)), 1):
                place = f"{path.name}, row {number}"
                if None in values:
                    raise UserError(f"{place} has more cells than the file has columns.", "Quote cells with commas.")
                yield RawRow(place, values)
    except bounds.GZIP_DAMAGE as error:
        raise bounds.damaged_gzip(path, error) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable CSV file: {error}", "Write it again, in UTF-8.") from error


def _csv_lines(path: Path, stream: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(bounds.bounded_lines(path, stream)):
        yield line.decode("utf-8" if number else "utf-8-sig")


def _rows_of_json(path: Path) -> Iterator[RawRow]:
    try:
        with bounds.open_bounded(path) as stream:
            first = bounds.first_visible_byte(path, stream)
            stream.seek(0)
            for place, value in (_array_items if first == b"[" else _line_items)(path, stream):
                if not isinstance(value, dict):
                    raise UserError(f"{place} is not a JSON object.", "Every row has to be an object: {...}.")
                yield RawRow(place, value)
    except bounds.GZIP_DAMAGE as error:
        raise bounds.damaged_gzip(path, error) from error


def _array_items(path: Path, stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    try:
        values = json.loads(bounds.read_whole(path, stream).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UserError(f"{path} is not valid JSON: {error}", "Mend the file, or write one object a line.") from error
    for number, value in enumerate(values, 1):
        place = f"{path.name}, item {number}"
        if isinstance(value, dict):
            bounds.check_row_size(place, value)
        yield place, value


def _line_items(path: Path, stream: IO[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(bounds.bounded_lines(path, stream), 1):
        if not line.strip():
            continue
        place = f"{path.name}, line {number}"
        try:
            yield place, json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            raise UserError(
                f"{place} is not valid JSON: {error}", "Mend or remove that line, then run again."
            ) from error


def _rows_of_parquet(path: Path) -> Iterator[RawRow]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Reading Parquet") from error
    try:
        number = 0
        content: Any = path
        if path.suffix == ".gz":  # Parquet is read from its end, so a packed one has to be unpacked as a whole
            with bounds.open_bounded(path) as stream:
                content = pa.BufferReader(bounds.read_whole(path, stream))
        table = pq.ParquetFile(content)
        _refuse_absurd_parts(path, table.metadata)
        for batch in table.iter_batches(batch_size=_PARQUET_ROWS):
            for values in batch.to_pylist():
                number += 1
                place = f"{path.name}, row {number}"
                bounds.check_row_size(place, values)
                yield RawRow(place, values)
    except bounds.GZIP_DAMAGE as error:
        raise bounds.damaged_gzip(path, error) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable Parquet file: {error}", "Write the file again.") from error


def _refuse_absurd_parts(path: Path, metadata: Any) -> None:  # noqa: ANN401 - pyarrow's FileMetaData
    """Refuse row groups that would fill memory. Their own sizes are asked for: pyarrow ends the whole process where a
    damaged file's columns are asked for theirs (pyarrow 26.0.1)."""
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group)
        if part.total_byte_size > bounds.MAX_WHOLE_BYTES * max(part.num_columns, 1):
            raise UserError(
                f"{path.name}: row group {group} unpacks to more than {bounds.MAX_WHOLE_BYTES >> 30} GiB a column.",
                "Write it again in smaller row groups, or as .jsonl.",
            )


def _rows_of_dataset_folder(path: Path, split: str) -> Iterator[RawRow]:
    for part in (*path.glob("*.*"), *path.glob("*/*.*")):
        if part.is_file():
            bounds.refuse_pointer(part)
    datasets = _datasets("Reading a data set folder")
    try:
        loaded = datasets.load_from_disk(str(path))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(
            f"{path} is a folder, but no data set that `save_to_disk` wrote.",
            "Give the data set's own folder, or a .jsonl, .json or .parquet file.",
        ) from error
    yield from _rows_of_dataset(loaded, path.name, split)


def _rows_of_hub(source: str, split: str, subset: str | None) -> Iterator[RawRow]:
    datasets = _datasets("Loading a data set from the Hugging Face hub")
    try:
        loaded = datasets.load_dataset(source, subset)
    except (OSError, ValueError, RuntimeError) as error:
        # Whatever way the hub, its cache or the network fails, it is one of these three.
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
    yield from _rows_of_dataset(loaded, source, split)


def _rows_of_dataset(loaded: Any, name: str, split: str) -> Iterator[RawRow]:  # noqa: ANN401 - a Dataset or a DatasetDict
    if isinstance(loaded, dict):
        if split not in loaded:
            raise UserError(f"The data set {name} has no split {split}, only: {', '.join(loaded)}.", f"Add {split}.")
        loaded = loaded[split]
    for number, values in enumerate(loaded, 1):
        place = f"{name}, row {number}"
        bounds.check_row_size(place, values)
        yield RawRow(place, values)


def _datasets(needed_for: str) -> Any:  # noqa: ANN401 - the module, which carries no types
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "train", needed_for) from error
    return datasets
