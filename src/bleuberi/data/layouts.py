"""The shapes that instruction files have in the wild, and how a row of one is read. Knows columns; opens no file.

Alpaca (`instruction`, `input`, `output`), Dolly (`context`, `response`), ShareGPT (`conversations` of `from`/`value`),
chat files (`messages` of `role`/`content`), TRL's `prompt`/`completion` and `chosen`, several answers with the names
of models (`completions` of `model`/`response`, or a column `generator`), questions with a list of answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.known_columns import NAMES, FileColumns, Known, first_filled
from bleuberi.data.pool import valid_text
from bleuberi.data.tables import RawRow
from bleuberi.errors import UserError
from bleuberi.records import Message

_ROLES: Final = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant"}
_TEXTS: Final = ("content", "value", "text", "response", "output")  # of a turn, or of one answer among several


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns of a file hold what: those that were named, and those that are known by their names."""

    prompt: tuple[str, ...] = ()  # texts, joined by a blank line; or one column of turns
    references: tuple[tuple[str, str], ...] = ()  # reference model, column
    system: str | None = None
    named_by: str | None = None  # the column that names who wrote the answer
    id: str | None = None
    known: Known = field(default_factory=Known)

    def sentence(self) -> str:
        """E.g. `prompt from instruction + input; ref_output_gold from output`."""
        known = self.known
        texts = " + ".join(" or ".join(names) for names in (known.prompts, known.contexts) if names)
        prompt = " + ".join(self.prompt) or " or ".join([*known.chats, *([texts] if texts else [])])
        system = self.system or " or ".join(known.systems)
        parts = ["prompt from " + (f"{system} + {prompt}" if system else prompt)]
        own = [name for name, column in self.references if column == columns.reference_column(name)]
        if own:
            parts.append(f"{len(own)} {columns.REFERENCE_PREFIX}… as they are")
        answers = [(name, column) for name, column in self.references if name not in own]
        if known.answers:
            answers.append((columns.GOLD, " or ".join(known.answers)))
        named_by = self.named_by or " or ".join(known.names)
        parts += [
            f"{columns.reference_column(f'<{named_by}>' if named_by else name)} from {column}"
            for name, column in answers
        ]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a row asks, and the answers that it carries: reference model -> text. No turns: it asks nothing."""

    id: str | None
    source: str | None
    turns: tuple[Message, ...]
    answers: Mapping[str, str]


def named_columns(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`NAME=COLUMN` or `COLUMN` -> reference model and column: gold for one column without a name, else its own name.

    Errors: `UserError` for an empty part, or a name twice.
    """
    pairs = [(name, column) if column else (columns.GOLD if len(words) == 1 else name, name)
             for name, _, column in (word.partition("=") for word in words)]  # fmt: skip
    names = [name for name, _ in pairs]
    if not all(names) or any(word.endswith("=") for word in words) or len(set(names)) < len(names):
        raise UserError(f"--references {' '.join(words)} is not to be read.", "Write NAME=COLUMN, each NAME once.")
    return tuple(pairs)


def complete(layout: Layout, rows: Iterable[RawRow]) -> Layout:
    """The layout, with what it leaves open found by the names and values of the columns of all rows.

    Errors: `UserError` if no row has a named column, or none is known as a prompt.
    """
    found = FileColumns()
    for raw in rows:
        found.add(raw)
    seen = found.by_name
    answers = (column for _, column in layout.references)
    for column in (*layout.prompt, *answers, layout.system, layout.named_by, layout.id):
        if column is not None and column not in seen:
            raise UserError(f"{found.place} has no column {column}.", f"There are: {', '.join(seen)}.")
    prefix = columns.REFERENCE_PREFIX
    own = tuple((name.removeprefix(prefix), name) for name in seen if name.startswith(prefix) and seen[name].values)
    # A file with references and with models' names has the answers of a model that is to be judged by the references.
    judged = bool(own) and any(name in seen and seen[name].texts for name in NAMES)
    known = found.known(
        layout.prompt,
        with_answers=not (layout.references or judged or columns.GOLD in dict(own)),
        with_systems=layout.system is None,
        with_names=layout.named_by is None,
    )
    if not (layout.prompt or known.chats or known.prompts):
        raise UserError(
            f"{found.place} has no column that is known to hold a prompt: {', '.join(seen) or 'none at all'}.",
            "Name it with --prompt COLUMN, and the answers with --references [NAME=]COLUMN.",
        )
    has_ids = columns.ID in seen and seen[columns.ID].values
    return replace(
        layout, references=layout.references or own, known=known, id=layout.id or (columns.ID if has_ids else None)
    )


def read_instruction(raw: RawRow, layout: Layout) -> Instruction:
    """What a row asks and answers. Errors: `UserError` for a value that is neither text nor turns."""
    known = layout.known
    turns: list[Message] = []
    chat_answer = None
    parts: list[str] = []
    asked = layout.prompt or known.asked(raw)
    for column in asked:
        value = raw.values.get(column)
        if isinstance(value, list):
            turns = read_turns(raw, column, value)
            if turns and turns[-1]["role"] == "assistant":
                chat_answer = turns.pop()["content"]
        elif (text := _text(raw, column, value)) is not None and text.strip():
            parts.append(text)
    if parts:
        turns.append(Message(role="user", content="\n\n".join(parts)))
    if not any(turn["role"] == "user" for turn in turns):
        turns = []
    system = _first_text(raw, (layout.system,) if layout.system else known.systems)
    if turns and system and turns[0]["role"] != "system":
        turns.insert(0, Message(role="system", content=system))
    written_by = _first_text(raw, (layout.named_by,) if layout.named_by else known.names)
    references = layout.references
    if not asked or asked[0] not in known.chats:
        references += tuple(
            (columns.GOLD, column) for column in [first_filled(known.answers, raw)] if column is not None
        )
    answers: dict[str, str] = {}
    for name, column in references:
        for found, text in _answers(raw, column, written_by or name):
            if text.strip():
                answers.setdefault(found, text)
    if chat_answer is not None and chat_answer.strip():
        answers.setdefault(written_by or columns.GOLD, chat_answer)
    return Instruction(
        _id(raw, layout), _text(raw, columns.SOURCE, raw.values.get(columns.SOURCE)), tuple(turns), answers
    )


def _first_text(raw: RawRow, names: Iterable[str]) -> str | None:
    name = first_filled(names, raw)
    return None if name is None else _text(raw, name, raw.values[name])


def read_turns(raw: RawRow, column: str, value: list[Any]) -> list[Message]:
    turns = []
    for turn in value:
        role = (
            next((turn[key] for key in ("role", "from") if isinstance(turn.get(key), str)), None)
            if isinstance(turn, dict)
            else None
        )
        text = (
            None
            if role is None
            else _parts(next((turn[key] for key in ("content", "value") if turn.get(key) is not None), ""))
        )
        if role is None or text is None:
            raise UserError(
                f"{raw.place}: `{column}` holds a turn without a role and a text: {turn!r:.80}",
                "Write turns as {role, content} or {from, value}; pictures and sounds are not read.",
            )
        turns.append(
            Message(role=valid_text(raw, column, _ROLES.get(role, role)), content=valid_text(raw, column, text))
        )
    return turns


def _parts(content: object) -> str | None:
    """The text of a turn, which some services write as a list of parts; None where a part is no text."""
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        whole = [text for text in texts if isinstance(text, str)]
        return "\n".join(whole) if len(whole) == len(texts) else None
    return content if isinstance(content, str) else None


def _answers(raw: RawRow, column: str, name: str) -> list[tuple[str, str]]:
    """The answers of one column with their names: one text, turns, several texts, or several with models' names."""
    value = raw.values.get(column)
    if not isinstance(value, list):
        text = _text(raw, column, value)
        return [] if text is None else [(name, text)]
    if value and all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value):
        said = [turn["content"] for turn in read_turns(raw, column, value) if turn["role"] == "assistant"]
        return [(name, said[-1])] if said else []
    found = []
    for number, item in enumerate(value, 1):
        by = name if number == 1 else f"{name}_{number}"
        text = item
        if isinstance(item, dict):
            by = next((item[key] for key in NAMES if isinstance(item.get(key), str) and item[key]), by)
            text = next((item[key] for key in _TEXTS if key in item), None)
        if (checked := _text(raw, column, text)) is not None:
            found.append((valid_text(raw, column, by), checked))
    return found


def _text(raw: RawRow, column: str, value: object) -> str | None:
    """A cell's text; numbers as Python writes them, but NaN and infinities are missing values: spreadsheets and pandas
    write an empty cell so. Errors: `UserError` for anything else."""
    if value is None:
        return None
    if isinstance(value, str):
        return valid_text(raw, column, value)
    if isinstance(value, (int, float)):
        return str(value) if isinstance(value, int) or math.isfinite(value) else None
    raise UserError(
        f"{raw.place}: `{column}` holds {type(value).__name__}, not text: {value!r:.60}",
        "Name the columns of texts with --prompt COLUMN and --references [NAME=]COLUMN.",
    )


def _id(raw: RawRow, layout: Layout) -> str | None:
    value = raw.values.get(layout.id) if layout.id else None
    return valid_text(raw, str(layout.id), str(value)) if isinstance(value, (str, int)) and str(value).strip() else None
