"""Rows of preferences, answers and labels."""

from __future__ import annotations

from collections.abc import Mapping

from bleuberi.data import tables
from bleuberi.data.cells import is_missing
from bleuberi.errors import UserError

Row = Mapping[str, object]


def read_rows(source: str, *, split: str = "train") -> list[Row]:
    """All rows of a file of any kind, a folder, or a data set on the hub (`owner/name`, `split`). NaN becomes None.

    Cells of CSV stay texts. Errors: `UserError` if there are none.
    """
    rows: list[Row] = [
        {name: None if is_missing(value) else value for name, value in raw.values.items()}
        for raw in tables.read_rows(source, split)
    ]
    if not rows:
        raise UserError(f"{source} has no rows.", "Give a file with one row for every pair, answer, prompt or model.")
    return rows
