"""Read the prompt of any row, for readers of files that need not be pools: responses, preferences, test prompts."""

from __future__ import annotations

from typing import Final

from bleuberi import columns
from bleuberi.data.cells import cell, is_filled
from bleuberi.data.known_columns import CHATS, CONTEXTS, PROMPTS, chat_turns
from bleuberi.data.raw_row import RawRow
from bleuberi.data.turns import as_turns, last_user_text, parts_text, read_turns
from bleuberi.records import Message

_TURNS: Final = "turns"
"""Where MT-Bench (texts) and Arena-Hard (objects without a role) have a user's turns; a response follows the first."""


def asked_of(raw: RawRow) -> tuple[list[Message], str | None]:
    """The turns up to the response (empty if the row has plain text), and the last user text (None without one).

    Errors: `UserError` for a turn without a role or a text.
    """
    names = (columns.PROMPT, *(name for name in PROMPTS if name != columns.PROMPT))
    column = next((name for name in names if is_filled(cell(raw.values, name))), None)
    value = None if column is None else cell(raw.values, column)
    value = value if (text := parts_text(value)) is None else text
    found = None if isinstance(value, str) and column != columns.PROMPT else as_turns(value)
    if column is None or (found is None and not isinstance(value, str)):
        column = chat_column(raw)
        if column is None:
            turns = _first_turn(raw)
            return turns, last_user_text(turns)
        found = chat_turns(column, raw.values[column])
    if found is None:
        parts = [value, *(cell(raw.values, name) for name in CONTEXTS if name != column)]
        if column == columns.PROMPT:  # our own name: the whole prompt
            parts = [value]
        return [], "\n\n".join(part for part in parts if isinstance(part, str) and part.strip())
    turns = read_turns(raw, column, found)
    if turns and turns[-1]["role"] == "assistant":
        turns.pop()
    return turns, last_user_text(turns)


def chat_column(raw: RawRow) -> str | None:
    """The column with turns; None if the row has none."""
    return next((name for name in CHATS if chat_turns(name, raw.values.get(name)) is not None), None)


def _first_turn(raw: RawRow) -> list[Message]:
    value = raw.values.get(_TURNS)
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, str):
        return read_turns(raw, _TURNS, [{"role": "user", "content": first}])
    return read_turns(raw, _TURNS, [{"role": "user", **first}]) if isinstance(first, dict) else []
