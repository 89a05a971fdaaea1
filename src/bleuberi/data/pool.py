"""Read a pool of instructions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bleuberi import columns
from bleuberi.data.bounds import PACKERS
from bleuberi.data.cells import cell, id_text, valid_text
from bleuberi.data.deciding import Odd, undecided
from bleuberi.data.facts_truth import facts_in
from bleuberi.data.known_columns import chat_turns
from bleuberi.data.raw_row import RawRow, row_bytes
from bleuberi.data.tables import read_rows
from bleuberi.data.turns import has_texts, has_tool_calls, read_turns
from bleuberi.errors import UserError
from bleuberi.on_disk import Noted, Spilled
from bleuberi.records import Conversation, Message, PoolRow

IMPORT: Final = "Other instruction files become pools with: bleuberi data import FILE --output pool.jsonl"

_ENDINGS: Final = (*PACKERS, ".jsonl", ".ndjson", ".json", ".parquet", ".tsv")  # .csv stays: names are in manifests
_CHATS: Final = (columns.MESSAGES, "conversations", "conversation")
_INSTRUCTION: Final = ("instruction", "input")


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool's rows in order, its short name and a hash of its content.

    `read_pool` keeps the rows in a temporary file, not in memory; each access reads one row from it.
    """

    name: str
    rows: Sequence[PoolRow]
    reference_models: list[str]
    content_sha256: str


def read_pool(source: str, ref_models: Sequence[str] | None, split: str = "train", limit: int | None = None) -> Pool:
    """Read a pool, or its first rows, from any table that `read_rows` reads. `split` is for data sets that have splits.

    Only the references of `ref_models` are kept; if it is None or `all`, those of all models. Errors: `UserError` for a
    missing file, malformed JSON (with file and line), missing columns, wrong types, duplicate ids, an empty pool, an
    unknown reference model.
    """
    digest = hashlib.sha256()
    rows: Spilled[PoolRow] = Spilled()
    wanted = bool(ref_models)
    if ref_models is not None and columns.asks_all(ref_models):
        ref_models = None
    seen = Noted()
    found_models: dict[str, None] = {}
    has_gold_column = has_answers = False
    odd: Odd | None = None
    name = pool_name(source)
    for raw in read_rows(source, split, limit=limit):
        row = _pool_row(raw, ref_models, default_source=name)
        if (earlier := seen.add(row.id, raw.place)) is not None:
            raise UserError(f"Duplicate id {row.id!r} ({earlier} and {raw.place}).", "Ids must be unique.")
        for column in raw.values:
            if column.startswith(columns.REFERENCE_PREFIX):
                column = valid_text(raw, "a column's name", column)
                found_models.setdefault(column.removeprefix(columns.REFERENCE_PREFIX))
        has_gold_column |= columns.reference_column(columns.GOLD) in raw.values
        has_answers |= bool(row.ground_truth)
        digest.update(row_bytes(raw))
        rows.append(row)
        if odd is None and row.ground_truth:
            odd = undecided(raw)
    if not rows:
        raise UserError(f"The pool {source} has no rows.", "Check the path, and that the file is complete.")
    if has_answers and not has_gold_column:
        # A plain chat file: its last assistant turns are the gold answers.
        if odd is not None and (ref_models is None or columns.GOLD in ref_models):
            raise UserError(
                f"{odd.place}: `{odd.column}` is {odd.value!r:.60}, and a pool does not read which answers are good.",
                f"Keep only good answers and remove the column. {IMPORT}",
            )
        found_models = {columns.GOLD: None, **found_models}
        if ref_models is None or columns.GOLD in ref_models:
            rows = Spilled(map(_with_gold_from_messages, rows))
    if wanted and not found_models:
        raise UserError(
            f"{source} has no references, so responses cannot be scored.",
            "Create some with bleuberi references, or compare by length and a judge only: evaluate --no_references.",
        )
    for model in ref_models or ():
        if model not in found_models:
            raise UserError(
                f"No column {columns.reference_column(model)} in {source}. "
                f"Reference models found: {', '.join(found_models) or 'none'}.",
                f"Use --ref_models with one or more of those, e.g. --ref_models {next(iter(found_models), 'gold')}.",
            )
    return Pool(name, rows, list(found_models), digest.hexdigest())


def read_questions(source: str, split: str = "train") -> Iterator[tuple[RawRow, Conversation]]:
    """Yield each row of the pool with its prompt, one by one, so memory does not grow with the pool.

    Errors: as `read_pool` for single rows; faults that only show over all rows, such as duplicate ids, are not checked.
    """
    for raw in read_rows(source, split):
        row = _pool_row(raw, (), default_source="")
        yield raw, Conversation(row.id, row.messages)


def pool_name(source: str) -> str:
    """The pool's name in generated names: a file's stem, a folder's name, a hub id's last component."""
    name = Path(source.rstrip("/")).name
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return columns.safe_name(name)


def _pool_row(raw: RawRow, ref_models: Sequence[str] | None, default_source: str) -> PoolRow:
    values = raw.values
    row_id = id_text(values.get(columns.ID))
    if row_id is None:
        raise UserError(
            f"{raw.place} has no usable `id`: {values.get(columns.ID)!r:.60}",
            f"Give every row a unique text in a column `id`. {IMPORT}",
        )
    row_id = valid_text(raw, columns.ID, row_id)
    messages = _messages(raw)
    prompt = _asked_text(raw)
    asked, answer = _split_last_answer(messages)
    if not any(turn["role"] == "user" for turn in asked):
        if prompt is None or not prompt.strip():
            nothing = "has neither `messages` with a user turn nor a `prompt`"
            raise UserError(
                f"{raw.place} {nothing if prompt is None else 'has a blank prompt'}.",
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
        facts=facts_in(values),
    )


def _messages(raw: RawRow) -> list[Message]:
    """The row's turns: from `messages` or, in a row without a prompt, from a column that other tools write."""
    names = _CHATS if _asked_text(raw) is None else _CHATS[:1]
    column = next((name for name in names if cell(raw.values, name) not in (None, [])), None)
    if column is None:
        return []
    value = raw.values[column]
    turns = chat_turns(column, value)
    if turns is None or not (has_texts(turns) or has_tool_calls(turns)):
        raise UserError(
            f"{raw.place}: `{column}` is not a list of turns with `role` and `content` texts: {value!r:.80}",
            'Write it as [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}].',
        )
    if has_tool_calls(turns):
        raise UserError(
            f"{raw.place}: `{column}` has tool calls, which cannot be shown as text.",
            "Remove that row; data import does this, and counts such rows.",
        )
    return read_turns(raw, column, turns)


def _asked_text(raw: RawRow) -> str | None:
    """The text of the prompt: `prompt`, else `instruction` with `input` below it."""
    prompt = _optional_text(raw, columns.PROMPT)
    if prompt is not None:
        return prompt
    parts = [_optional_text(raw, name) for name in _INSTRUCTION]
    filled = [text for text in parts if text is not None and text.strip()]
    return "\n\n".join(filled) if parts[0] is not None and filled else None


def _split_last_answer(messages: list[Message]) -> tuple[list[Message], str | None]:
    """The turns up to the closing assistant turn, and its text. If the user speaks last, all turns are the prompt."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]["content"]
    return messages, None


def _optional_text(raw: RawRow, column: str) -> str | None:
    value = cell(raw.values, column)
    if value is None:
        return None
    if isinstance(value, str):
        return valid_text(raw, column, value)
    raise UserError(
        f"{raw.place}: `{column}` holds {type(value).__name__}, not text: {value!r:.60}",
        f"Write `{column}` as a string, or as null if it is missing.",
    )


def _with_gold_from_messages(row: PoolRow) -> PoolRow:
    references = dict(row.reference_by_model)
    if row.ground_truth and row.ground_truth.strip():
        references[columns.GOLD] = row.ground_truth
    return replace(row, reference_by_model=references)
