"""Read rows from JSONL (also .gz), Parquet, CSV of labels, or a hub data set. Knows formats; knows no columns."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bleuberi.errors import MissingExtraError, UserError

Row = Mapping[str, object]


def read_rows(source: str, *, split: str = "train") -> list[Row]:
    """All rows of a file, or of a data set on the Hugging Face hub (`owner/name`, `split`)."""
    path = Path(source).expanduser()
    if path.is_dir():
        raise UserError(
            f"{source} is a directory.", "Give a .jsonl, .jsonl.gz or .parquet file, or a hub id owner/name."
        )
    if path.exists():
        rows: list[Row] = list(_read_parquet(path) if path.suffix == ".parquet" else _read_jsonl(path))
    elif source.count("/") == 1 and not path.suffix.startswith((".json", ".parquet", ".gz")):
        rows = list(_read_hub(source, split))
    else:
        raise UserError(
            f"There is no file {source}.", "Give a .jsonl, .jsonl.gz or .parquet file, or a hub id owner/name."
        )
    if not rows:
        raise UserError(f"{source} has no rows.", "Give a file with one row for every pair, answer or prompt.")
    return rows


def read_labels(source: str) -> list[Row]:
    """The rows of a table of labels: CSV with a header, or whatever `read_rows` takes. CSV cells stay texts."""
    path = Path(source).expanduser()
    if path.suffix != ".csv" or not path.exists():
        return read_rows(source)
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = [dict(row) for row in csv.DictReader(file)]
    if not rows:
        raise UserError(f"{source} has no rows.", "Give a CSV with a header and one row for every model.")
    return rows


def _read_jsonl(path: Path) -> Iterator[Row]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise UserError(f"Line {number} of {path} is not an object.", "Write one JSON object a line.")
                yield row
    except json.JSONDecodeError as error:
        raise UserError(
            f"Line {number} of {path} is not JSON: {error.msg}.", "Write one JSON object a line."
        ) from error
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read behind line {number}: {error}.", "Check that it is whole, and UTF-8 text."
        ) from error


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow  # an optional extra
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "report", "Reading Parquet") from error
    try:
        yield from pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file: {error}", "Check that the file is whole.") from error


def _read_hub(name: str, split: str) -> Iterator[Row]:
    try:
        import datasets  # heavy, and an optional extra
    except ImportError as error:
        raise MissingExtraError("datasets", "train", f"{name} is no file here; reading it from the hub") from error
    try:
        yield from datasets.load_dataset(name, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{name} is no file here, and the hub did not give its split {split}: {error}",
            "Check the name, the network and --split, or give a file.",
        ) from error
