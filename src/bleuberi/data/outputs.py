"""Read model outputs that were made elsewhere. Knows their columns; knows nothing of engines or scores."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bleuberi import columns
from bleuberi.data.tables import RawRow, read_rows
from bleuberi.errors import UserError

TEXT_COLUMNS = ("output", "response", "model_output", "generated_text", "text")


class MadeOutputs(NamedTuple):
    """Texts by id, and how many further texts for the same ids were left aside."""

    text_by_id: dict[str, str]
    repeated: int


def read_outputs(path: Path, model: str | None) -> MadeOutputs:
    """Outputs by id from JSONL, JSON, Parquet or CSV, with `id` and one of TEXT_COLUMNS; the first of an id counts.

    Where the file has a column `model`, only the rows of `model` count. The texts "None" and "N/A" stay texts.
    Errors: `UserError` for a missing file or column, or a model that has no row.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "Check the path given with --outputs.")
    text_by_id: dict[str, str] = {}
    models: dict[str, None] = {}
    repeated = 0
    for raw in _rows(path):
        text_column = next((name for name in TEXT_COLUMNS if name in raw.values), None)
        if columns.ID not in raw.values or text_column is None:
            raise UserError(
                f"{raw.place} lacks `id` or the text; its columns are: {', '.join(map(str, raw.values))}.",
                f"Name the columns `id` and `response` (or {', '.join(TEXT_COLUMNS)}).",
            )
        owner = raw.values.get("model")
        if owner is not None:
            models.setdefault(str(owner))
            if model is not None and not _same_model(str(owner), model):
                continue
        text = raw.values[text_column]
        if text is None:
            continue
        if not isinstance(text, str):
            raise UserError(
                f"{raw.place}: `{text_column}` holds no text: {text!r:.60}", "Write every output as a text."
            )
        row_id = str(raw.values[columns.ID])
        if row_id in text_by_id:
            repeated += 1
        else:
            text_by_id[row_id] = text
    if model is None and len(models) > 1:
        raise UserError(
            f"{path.name} holds outputs of {len(models)} models: {', '.join(models)}.", "Say whose count with --model."
        )
    if not text_by_id:
        found = f" Models found: {', '.join(models)}." if models else ""
        raise UserError(f"{path.name} has no outputs{f' of {model}' if model else ''}.{found}", "Check --model.")
    return MadeOutputs(text_by_id, repeated)


def _same_model(owner: str, model: str) -> bool:
    return owner == model or owner == columns.model_short_name(model)


def _rows(path: Path) -> Iterator[RawRow]:
    if path.suffix != ".csv":
        yield from read_rows(str(path))
        return
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # answers are longer than csv's default of 128 KiB allows
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            for number, values in enumerate(csv.DictReader(stream), 1):
                yield RawRow(f"{path.name}, row {number}", values)
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not a readable CSV file: {error}", "Write it again, in UTF-8.") from error
