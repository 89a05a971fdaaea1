"""Read a pool of instructions. Knows its columns and checks every row; knows nothing of scores or models."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bleuberi import columns
from bleuberi.data.tables import TABLE_FORMATS, RawRow, read_rows, row_bytes
from bleuberi.errors import UserError
from bleuberi.records import Conversation, Message, PoolRow

IMPORT: Final = "Other instruction files become pools with: bleuberi data import FILE --output pool.jsonl"


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool's rows in their order, with its short name and a hash of its content."""

    name: str
    rows: list[PoolRow]
    reference_models: list[str]
    content_sha256: str


def read_pool(source: str, ref_models: Sequence[str] | None) -> Pool:
    """Read a pool: a local .jsonl/.json/.parquet (also .gz), a `save_to_disk` folder, or a Hugging Face hub id.

    Only the references of `ref_models` are kept in memory; those of all models where it is None or `all`. Errors:
    `UserError` for a missing file, malformed JSON (with file and line), missing columns, wrong types, duplicate ids, an
    empty pool, an unknown reference model.
    """
    digest = hashlib.sha256()
    rows: list[PoolRow] = []
    if ref_models is not None and columns.asks_all(ref_models):
        ref_models = None
    seen: dict[str, str] = {}
    found_models: dict[str, None] = {}
    has_gold_column = False
    for raw in read_rows(source):
        row = _pool_row(raw, ref_models, default_source=pool_name(source))
        if row.id in seen:
            raise UserError(
                f"The id {row.id!r} stands twice: {seen[row.id]} and {raw.place}.", "Give every row an id of its own."
            )
        seen[row.id] = raw.place
        for column in raw.values:
            if column.startswith(columns.REFERENCE_PREFIX):
                name = valid_text(raw, "a column's name", column)
                found_models.setdefault(name.removeprefix(columns.REFERENCE_PREFIX))
        has_gold_column |= columns.reference_column(columns.GOLD) in raw.values
        digest.update(row_bytes(raw))
        rows.append(row)
    if not rows:
        raise UserError(f"The pool {source} has no rows.", "Check the path, and that the file was written to its end.")
    if not has_gold_column and any(row.ground_truth for row in rows):
        # A plain chat file: its last assistant turns are the gold answers.
        found_models = {columns.GOLD: None, **found_models}
        rows = [
            _with_gold_from_messages(row) if ref_models is None or columns.GOLD in ref_models else row for row in rows
        ]
    for model in ref_models or ():
        if model not in found_models:
            raise UserError(
                f"No column {columns.reference_column(model)} in {source}. "
                f"Reference models found: {', '.join(found_models) or 'none'}.",
                f"Use --ref_models with one or more of those, e.g. --ref_models {next(iter(found_models), 'gold')}.",
            )
    return Pool(pool_name(source), rows, list(found_models), digest.hexdigest())


def read_questions(source: str) -> Iterator[tuple[RawRow, Conversation]]:
    """Each row as it lies in the pool, and what it asks, one after the other: memory does not grow with the pool.

    Errors: as `read_pool` for a row; what only all rows together tell is not checked.
    """
    for raw in read_rows(source):
        row = _pool_row(raw, (), default_source="")
        yield raw, Conversation(row.id, row.messages)


def pool_name(source: str) -> str:
    """The pool's part in generated names: a file's stem, a folder's name, a hub id's last component."""
    name = Path(source.rstrip("/")).name
    for ending in (".gz", *TABLE_FORMATS):
        name = name.removesuffix(ending)
    return columns.safe_name(name)


def _pool_row(raw: RawRow, ref_models: Sequence[str] | None, default_source: str) -> PoolRow:
    values = raw.values
    row_id = values.get(columns.ID)
    if isinstance(row_id, int) and not isinstance(row_id, bool):
        row_id = str(row_id)
    if not isinstance(row_id, str) or not row_id:
        raise UserError(
            f"{raw.place} has no usable `id`: {row_id!r:.60}",
            f"Give every row a column `id` with a text of its own. {IMPORT}",
        )
    row_id = valid_text(raw, columns.ID, row_id)
    messages = _messages(raw)
    prompt = _optional_text(raw, columns.PROMPT)
    asked, answer = _split_last_answer(messages)
    if not any(turn["role"] == "user" for turn in asked):
        if prompt is None or not prompt.strip():
            raise UserError(
                f"{raw.place} has neither `messages` with a user turn nor a `prompt`.",
                f"Give every row a column `prompt` (text) or `messages` (a list of {{role, content}}). {IMPORT}",
            )
        asked = [*asked, Message(role="user", content=prompt)]
    references = {}
    if ref_models is None:
        prefix = columns.REFERENCE_PREFIX
        ref_models = [column.removeprefix(prefix) for column in raw.values if column.startswith(prefix)]
    for model in ref_models:
        text = _optional_text(raw, columns.reference_column(model))
        if text is not None and text.strip():
            references[model] = text
    gold = _optional_text(raw, columns.reference_column(columns.GOLD))
    return PoolRow(
        id=row_id,
        source=_optional_text(raw, columns.SOURCE) or default_source,
        messages=asked,
        prompt=prompt if prompt is not None else asked[-1]["content"],
        ground_truth=gold if gold and gold.strip() else answer,
        reference_by_model=references,
    )


def _messages(raw: RawRow) -> list[Message]:
    value = raw.values.get(columns.MESSAGES)
    if value is None:
        return []
    turns: list[Message] = []
    for turn in value if isinstance(value, list) else [None]:
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if not isinstance(role, str) or not isinstance(content, str):
            raise UserError(
                f"{raw.place}: `messages` is not a list of turns with `role` and `content` texts: {value!r:.80}",
                'Write it as [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}].',
            )
        turns.append(
            Message(role=valid_text(raw, columns.MESSAGES, role), content=valid_text(raw, columns.MESSAGES, content))
        )
    return turns


def _split_last_answer(messages: list[Message]) -> tuple[list[Message], str | None]:
    """The turns up to the closing assistant turn, and its text. A talk that ends with the user is asked whole."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"]
    return messages, None


def _optional_text(raw: RawRow, column: str) -> str | None:
    value = raw.values.get(column)
    if value is None:
        return None
    if isinstance(value, str):
        return valid_text(raw, column, value)
    raise UserError(
        f"{raw.place}: `{column}` holds {type(value).__name__}, not text: {value!r:.60}",
        f"Write `{column}` as a text, or null where there is none.",
    )


def valid_text(raw: RawRow, column: str, text: str) -> str:
    """The text of a cell, refused where JSON escapes made it one that no file can hold (half of a surrogate pair)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"{raw.place}: `{column}` is no valid text: {error.reason} at character {error.start}.",
            "Remove the lone surrogate (an escape between \\ud800 and \\udfff without its partner).",
        ) from error
    return text


def _with_gold_from_messages(row: PoolRow) -> PoolRow:
    references = dict(row.reference_by_model)
    if row.ground_truth and row.ground_truth.strip():
        references[columns.GOLD] = row.ground_truth
    return PoolRow(row.id, row.source, row.messages, row.prompt, row.ground_truth, references)
