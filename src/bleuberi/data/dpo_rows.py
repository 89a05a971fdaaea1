"""Rows of a DPO data set: a prompt with a chosen and a rejected response, in TRL's format with turns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.records import Message

CHOSEN, REJECTED = "chosen", "rejected"
_TURNS: Final = (columns.PROMPT, CHOSEN, REJECTED)
_MAKE: Final = "Make one with: bleuberi data pairs --input_data_path GRPO_DATA_SET ..."


def both_pairs(row: Mapping[str, Any]) -> list[dict[str, list[Message]]]:
    """The row as two pairs of `prompt` and `completion`: the chosen response, then the rejected one."""
    return [{"prompt": row[columns.PROMPT], "completion": row[name]} for name in (CHOSEN, REJECTED)]


def read_dpo_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a DPO data set folder. Errors: `UserError` if it is not one, e.g. a GRPO data set, or a row has a
    response that is not one assistant turn."""
    if not folder.is_dir():
        raise UserError(f"Data set folder {folder} does not exist.", _MAKE)
    rows = [dict(raw.values) for raw in read_rows(str(folder))]
    if not rows or not all(isinstance(rows[0].get(name), list) for name in _TURNS):
        raise UserError(f"{folder} is not a DPO data set: its rows need {', '.join(_TURNS)}, each with turns.", _MAKE)
    for number, row in enumerate(rows):
        for name in (CHOSEN, REJECTED):
            turns = row.get(name) or []
            if [turn.get("role") for turn in turns] != ["assistant"] or not row.get(columns.PROMPT):
                named = row.get(columns.ID) or number
                raise UserError(
                    f"Row {named} of {folder}: {name} is not one assistant turn after a prompt.",
                    "Give `prompt` all turns before the response, and `chosen` and `rejected` the last one.",
                )
    return rows
