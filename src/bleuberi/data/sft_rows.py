"""The rows of an SFT data set, on disk and in the trainer's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.reasoning import without_reasoning
from bleuberi.data.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.records import Message


def to_sft_rows(grpo_row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one row per reference of a GRPO row; `id` is `{id}_{j}`, where j counts `references` from 0.

    The system turn of `--reasoning` is removed: references have no thoughts, so the pair would teach to ignore it.
    """
    asked = without_reasoning(prompt_messages(grpo_row))
    for position, reference in enumerate(grpo_row[columns.REFERENCES]):
        yield {
            columns.ID: f"{grpo_row[columns.ID]}_{position}",
            columns.SOURCE: grpo_row.get(columns.SOURCE),
            columns.MESSAGES: [*asked, Message(role="assistant", content=reference)],
        }


def to_prompt_and_completion(messages: list[Message]) -> dict[str, list[Message]]:
    """Convert turns to a conversational prompt and completion, so that trainers compute the loss on the completion
    only.

    On rows of `messages` they would train on every token, including the user's, without a warning.
    """
    if not messages or messages[-1]["role"] != "assistant" or len(messages) == 1:
        raise UserError("An SFT row does not end with a response.", "End `messages` with an assistant turn.")
    return {"prompt": list(messages[:-1]), "completion": [messages[-1]]}


def pair_of(row: Mapping[str, Any]) -> dict[str, list[Message]]:
    """Prompt and completion of a data set's row: of its columns `prompt` and `completion` (`data bestof`, TRL's own
    format), else of `messages`. Errors: as `to_prompt_and_completion`."""
    if isinstance(row.get("completion"), list) and isinstance(row.get(columns.PROMPT), list):
        return to_prompt_and_completion([*row[columns.PROMPT], *row["completion"]])
    return to_prompt_and_completion(row[columns.MESSAGES])


def read_sft_rows(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of an SFT data set folder. Errors: `UserError` if it is not one, e.g. a GRPO data set."""
    if not folder.is_dir():
        raise UserError(
            f"Data set folder {folder} does not exist.",
            "Make one with: python training/create_training_data.py sft --input_data_path ... --output_dir ...",
        )
    rows = [dict(raw.values) for raw in read_rows(str(folder))]
    turns = rows and (columns.MESSAGES in rows[0] or isinstance(rows[0].get("completion"), list))
    if not turns or columns.REFERENCES in rows[0]:
        raise UserError(
            f"{folder} is not an SFT data set.",
            "Make one with: python training/create_training_data.py sft --input_data_path GRPO_DATA_SET ...",
        )
    return rows
