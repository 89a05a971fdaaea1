"""Responses that were made elsewhere: one reader for `--outputs` and for the response files of `evaluate`.

A row has a response and, to say whose it is, the `id` or the `prompt` of a row of the pool. `read_responses` reads the
rows, `join_responses` finds the pool's row of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bleuberi import columns
from bleuberi.data.known_columns import CHATS
from bleuberi.data.layouts import read_turns
from bleuberi.data.pool import valid_text
from bleuberi.data.tables import RawRow, read_rows_or_csv
from bleuberi.errors import UserError
from bleuberi.records import Example


class MadeResponse(NamedTuple):
    """One row: its response, and the `id` or the `prompt` that says of what. What a file does not tell is None."""

    place: str  # e.g. `run.jsonl, line 12`
    id: str | None
    prompt: str | None
    text: str
    finish_reason: str | None
    sampling: Any


@dataclass(frozen=True, slots=True)
class JoinedResponses:
    """The rows of a file by the pool's ids, in the file's order, and how many rows belong to no row of the pool."""

    by_id: Mapping[str, list[MadeResponse]]
    unknown: int

    @property
    def repeated(self) -> int:
        """Rows after the first one of an id."""
        return sum(len(rows) - 1 for rows in self.by_id.values())


def read_responses(path: Path, model: str | None = None, flag: str = "--outputs") -> list[MadeResponse]:
    """The rows of a JSONL, JSON, Parquet or CSV file (or .gz) that have a response; null is none.

    The response is one of TEXT_COLUMNS, or a chat's last assistant turn. If the file has a column `model`, only the
    rows of `model` count. The texts "None" and "N/A" stay texts. Errors: `UserError` for a missing file or column, or
    a model without rows; `flag` is named in it.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path}.", f"Check the path given with {flag}.")
    models: dict[str, None] = {}
    rows: list[MadeResponse] = []
    for raw in read_rows_or_csv(path):
        owner = raw.values.get("model")
        if owner is not None:
            models.setdefault(str(owner))
            if model is not None and str(owner) not in (model, columns.model_short_name(model)):
                continue
        row = _made_response(raw)
        if row is not None:
            rows.append(row)
    if model is None and len(models) > 1:
        cure = "Say whose count with --model." if flag == "--outputs" else "Give each model a file of its own."
        raise UserError(f"{path.name} holds responses of {len(models)} models: {', '.join(models)}.", cure)
    if not rows:
        found = f" Models found: {', '.join(models)}." if models else ""
        raise UserError(f"{path.name} has no responses{f' of {model}' if model else ''}.{found}", f"Check {flag}.")
    return rows


def join_responses(examples: Sequence[Example], rows: Sequence[MadeResponse]) -> JoinedResponses:
    """Join rows by id, or by the exact prompt if the id is missing or unknown.

    A prompt that the pool asks several times counts for all of its rows, but for none if they differ in earlier turns.
    Errors: `UserError` if a row has the id of one prompt and the text of another.
    """
    prompt_of = {row.id: row.prompt for row in examples}
    ids_of: dict[str, list[Example]] = {}
    for example in examples:
        ids_of.setdefault(example.prompt, []).append(example)
    by_id: dict[str, list[MadeResponse]] = {}
    unknown = 0
    for row in rows:
        asked = ids_of.get(row.prompt, []) if row.prompt is not None else []
        if row.id in prompt_of:
            if asked and prompt_of[row.id] != row.prompt:
                raise UserError(
                    f"{row.place} has the id {row.id}, but the prompt of {asked[0].id}.",
                    "Write the pool's own ids, or leave the ids out: rows are then joined by their prompts.",
                )
            by_id.setdefault(row.id, []).append(row)
        elif asked and all(one.messages == asked[0].messages for one in asked):
            for one in asked:
                by_id.setdefault(one.id, []).append(row)
        else:
            unknown += 1
    return JoinedResponses({row.id: by_id[row.id] for row in examples if row.id in by_id}, unknown)


def no_response_fits(path: Path) -> UserError:
    """The error for a file of which no row belongs to the pool."""
    return UserError(
        f"No row of {path} has an id or a prompt of the pool.", "Check that the responses were made from this pool."
    )


def _made_response(raw: RawRow) -> MadeResponse | None:
    """The row's response; None if it is null. Errors: `UserError` for a row that lacks a column."""
    text = _text(raw)
    if text is None:
        return None
    row_id = raw.values.get(columns.ID)
    if row_id is not None and (not isinstance(row_id, str | int) or isinstance(row_id, bool)):
        raise UserError(f"{raw.place} has no usable `id`: {row_id!r:.60}", "Give every response the id of its row.")
    prompt = _prompt(raw, needed=row_id is None)
    if row_id is None and prompt is None:
        raise UserError(
            f"{raw.place} lacks `id` and `prompt`; its columns are: {_names(raw)}.",
            "Name the column of the pool's ids `id`, or give each row its `prompt`.",
        )
    reason = raw.values.get("finish_reason")
    return MadeResponse(
        raw.place, None if row_id is None else str(row_id), prompt, text, None if reason is None else str(reason),
        raw.values.get("sampling"),
    )  # fmt: skip


def _text(raw: RawRow) -> str | None:
    column = next((name for name in columns.TEXT_COLUMNS if name in raw.values), None) or _chat(raw)
    if column is None:
        raise UserError(
            f"{raw.place} lacks a response; its columns are: {_names(raw)}.",
            f"Name its column `response` (or {', '.join(columns.TEXT_COLUMNS)}), or give a chat as `messages`.",
        )
    value = raw.values[column]
    if isinstance(value, list):  # turns, as TRL writes completions
        turns = read_turns(raw, column, value)
        return turns[-1]["content"] if turns and turns[-1]["role"] == "assistant" else None
    if value is not None and not isinstance(value, str):
        raise UserError(f"{raw.place}: `{column}` holds no text: {value!r:.60}", "Write every response as a text.")
    return None if value is None else valid_text(raw, column, value)


def _prompt(raw: RawRow, *, needed: bool) -> str | None:
    """What the row asks: its `prompt`, which may be turns, or the last user turn of its chat."""
    value = raw.values.get(columns.PROMPT)
    if isinstance(value, str):
        return value
    column = columns.PROMPT if isinstance(value, list) else _chat(raw)
    if column is None:
        return None
    try:
        turns = read_turns(raw, column, raw.values[column])
    except UserError:  # e.g. a picture in a turn: the id is enough
        if needed:
            raise
        return None
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), None)


def _chat(raw: RawRow) -> str | None:
    """The column with turns."""
    return next((name for name in CHATS if isinstance(raw.values.get(name), list)), None)


def _names(raw: RawRow) -> str:
    return ", ".join(map(str, raw.values))
