"""The rows of a GRPO data set, on disk and in the trainer's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.on_disk import Spilled
from bleuberi.records import Example, Message

REQUIRED = (columns.ID, columns.MESSAGES, columns.PROMPT, columns.REFERENCES)


def to_row(example: Example, scores: Mapping[str, float]) -> dict[str, Any]:
    """An example as a row of a GRPO data set. `messages` ends with the gold answer, as in the pool; `scores`: metric ->
    score."""
    return {
        columns.ID: example.id,
        columns.SOURCE: example.source,
        columns.MESSAGES: [*example.messages, Message(role="assistant", content=example.ground_truth)],
        columns.PROMPT: example.prompt,
        columns.GROUND_TRUTH: example.ground_truth,
        columns.REFERENCES: example.references,
        **{columns.score_column(metric): score for metric, score in scores.items()},
    }


def prompt_messages(row: Mapping[str, Any]) -> list[Message]:
    """The prompt of a row: its turns up to its closing assistant turn, else its `prompt`."""
    turns = [Message(role=turn["role"], content=turn["content"]) for turn in row[columns.MESSAGES]]
    if turns and turns[-1]["role"] == "assistant":
        turns.pop()
    return turns or [Message(role="user", content=row[columns.PROMPT])]


def read_grpo_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a GRPO data set folder. Errors: as `spilled_grpo_rows`."""
    return list(spilled_grpo_rows(folder))


def spilled_grpo_rows(folder: Path) -> Sequence[dict[str, Any]]:
    """The rows of a GRPO data set folder, in a temporary file. Errors: `UserError` if it is not one, e.g. SFT data."""
    if not folder.is_dir():
        raise UserError(
            f"Data set folder {folder} does not exist.",
            "Make one with: python training/create_training_data.py grpo ... --output_dataset_name NAME",
        )
    rows = Spilled(dict(raw.values) for raw in read_rows(str(folder)))
    missing = [name for name in REQUIRED if rows and name not in rows[0]]
    if not rows or missing:
        raise UserError(
            f"{folder} is not a GRPO data set: " + (f"it lacks {', '.join(missing)}." if rows else "it has no rows."),
            "Make one with: python training/create_training_data.py grpo ...",
        )
    reserved = sorted(columns.RESERVED_BY_TRL & rows[0].keys())
    if reserved:
        raise UserError(
            f"{folder} has columns with names reserved by the trainer: {', '.join(reserved)}.", "Rename those columns."
        )
    return rows
