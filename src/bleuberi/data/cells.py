"""Read single cells of a table: which count as empty, and which texts are valid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError


def is_missing(value: object) -> bool:
    """Whether a cell has no value: null, or NaN, which spreadsheets and pandas write for an empty cell."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_filled(value: object) -> bool:
    """Whether a cell has a value that is not a blank text and not an empty list."""
    if isinstance(value, str):
        return bool(value.strip())
    return not is_missing(value) and value != [] and value != {}


def cell(values: Mapping[str, Any], column: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a column, or of a field of an object in it as `reward_model.ground_truth`; None if it is missing."""
    value = values.get(column)
    if value is None and "." in column and column not in values:
        value = values
        for name in column.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    return None if is_missing(value) else value


def valid_text(raw: RawRow, column: str, text: str) -> str:
    """The text of a cell. Rejects text that no file can store, because JSON escapes left half of a surrogate pair in
    it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{raw.place}: `{column}` is not a valid text: {error.reason} at character {error.start}.",
            "Remove the lone surrogate (an escape between \\ud800 and \\udfff without its partner).",
        ) from error
    return text


def id_text(value: object) -> str | None:
    """An id as text: whole numbers without a fraction, as tables with an empty cell store them (`1.0`). None for
    anything that is not a text or a whole number, or is blank."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    return str(value) if isinstance(value, str | int) and str(value).strip() else None
