"""Read model outputs that were made elsewhere. Knows their columns; knows nothing of engines or scores."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bleuberi import columns
from bleuberi.data.tables import RawRow, read_rows_or_csv
from bleuberi.errors import UserError


class MadeOutputs(NamedTuple):
    """Texts by id, and how many further texts for the same ids were left aside."""

    text_by_id: dict[str, str]
    repeated: int


class Sample(NamedTuple):
    """One of several outputs for a prompt. `finish_reason` is None where the file does not tell it."""

    text: str
    finish_reason: str | None


class MadeSamples(NamedTuple):
    """All outputs by id in the file's order, and how they were drawn, where the file tells it (`sampling`)."""

    samples_by_id: dict[str, list[Sample]]
    sampling: str | None


def read_outputs(path: Path, model: str | None, *, last_counts: bool = False) -> MadeOutputs:
    """Outputs by id from JSONL, JSON, Parquet or CSV, with `id` and one of TEXT_COLUMNS; of several outputs for an id
    the first counts, or the last if asked for.

    Where the file has a column `model`, only the rows of `model` count. The texts "None" and "N/A" stay texts.
    Errors: `UserError` for a missing file or column, or a model that has no row.
    """
    text_by_id: dict[str, str] = {}
    repeated = 0
    for row_id, text, _ in _output_rows(path, model):
        repeated += row_id in text_by_id
        if last_counts or row_id not in text_by_id:
            text_by_id[row_id] = text
    return MadeOutputs(text_by_id, repeated)


def read_samples(path: Path, model: str | None) -> MadeSamples:
    """As `read_outputs`, but all rows of an id count: they are its samples.

    Errors: `UserError` also where a column `sampling` says that rows were drawn with different settings (their seeds
    may differ).
    """
    samples: dict[str, list[Sample]] = {}
    first: tuple[str, str | None] | None = None  # where it stood, and what it was
    for row_id, text, raw in _output_rows(path, model):
        reason = raw.values.get("finish_reason")
        samples.setdefault(row_id, []).append(Sample(text, None if reason is None else str(reason)))
        sampling = _sampling_without_seed(raw.values.get("sampling"))
        if first is None:
            first = raw.place, sampling
        elif sampling != first[1]:
            raise UserError(
                f"{path.name} mixes samples of different settings: {first[0]} has {first[1] or 'no `sampling`'}, "
                f"{raw.place} has {sampling or 'no `sampling`'}.",
                "Keep the rows of one setting, or draw all samples again: their spread would be that of the settings.",
            )
    return MadeSamples(samples, first[1] if first else None)


def _sampling_without_seed(value: object) -> str | None:
    """The settings in one spelling: as JSON where the file has them so, also within a text, else as they stand.

    Samples differ in their seeds by nature.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):  # e.g. a dictionary as Python prints it
            value = json.loads(value)
    if isinstance(value, dict):
        plain = {key: item for key, item in value.items() if key != "seed"}
        return json.dumps(plain, sort_keys=True)  # noqa: TID251 - one spelling, to compare
    return re.sub(r"\|seed:\d+", "", str(value))


def _output_rows(path: Path, model: str | None) -> Iterator[tuple[str, str, RawRow]]:
    """Id, text and row of every output that counts. Errors: see `read_outputs`."""
    if not path.is_file():
        raise UserError(f"There is no file {path}.", "Check the path given with --outputs.")
    models: dict[str, None] = {}
    found_any = False
    for raw in read_rows_or_csv(path):
        text_column = next((name for name in columns.TEXT_COLUMNS if name in raw.values), None)
        if columns.ID not in raw.values or text_column is None:
            raise UserError(
                f"{raw.place} lacks `id` or the text; its columns are: {', '.join(map(str, raw.values))}.",
                f"Name the columns `id` and `response` (or {', '.join(columns.TEXT_COLUMNS)}).",
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
        row_id = raw.values[columns.ID]
        if not isinstance(row_id, str | int) or isinstance(row_id, bool):
            raise UserError(f"{raw.place} has no usable `id`: {row_id!r:.60}", "Give every output the id of its row.")
        found_any = True
        yield str(row_id), text, raw
    if model is None and len(models) > 1:
        raise UserError(
            f"{path.name} holds outputs of {len(models)} models: {', '.join(models)}.", "Say whose count with --model."
        )
    if not found_any:
        found = f" Models found: {', '.join(models)}." if models else ""
        raise UserError(f"{path.name} has no outputs{f' of {model}' if model else ''}.{found}", "Check --model.")


def _same_model(owner: str, model: str) -> bool:
    return owner == model or owner == columns.model_short_name(model)
