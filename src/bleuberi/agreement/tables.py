"""Rows of preferences, answers and labels. Knows that they may not be empty; knows no columns."""

from __future__ import annotations

from collections.abc import Mapping

from bleuberi.artifacts import local_path
from bleuberi.data import tables
from bleuberi.errors import UserError

Row = Mapping[str, object]


def read_rows(source: str, *, split: str = "train") -> list[Row]:
    """All rows of a file, a data set folder, or a data set on the Hugging Face hub (`owner/name`, `split`)."""
    return _not_empty(source, [raw.values for raw in tables.read_rows(source, split)])


def read_labels(source: str) -> list[Row]:
    """The rows of a table of labels: CSV with a header, or whatever `read_rows` takes. CSV cells stay texts."""
    path = local_path(source)
    if not path.is_file():
        return read_rows(source)
    return _not_empty(source, [raw.values for raw in tables.read_rows_or_csv(path)])


def _not_empty(source: str, rows: list[Row]) -> list[Row]:
    if not rows:
        raise UserError(f"{source} has no rows.", "Give a file with one row for every pair, answer, prompt or model.")
    return rows
