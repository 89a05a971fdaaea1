"""Detect the layout of an instruction file, and read its rows.

Alpaca (`instruction`, `input`, `output`), Dolly (`context`, `response`), ShareGPT (`conversations` of `from`/`value`),
chat files (`messages` of `role`/`content`), TRL's `prompt`/`completion` and `chosen`, several answers with the names of
models (`completions` of `model`/`response`, or a column `generator`), questions with a list of answers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

from bleuberi import columns
from bleuberi.data.cells import cell, id_text, is_missing, valid_text
from bleuberi.data.deciding import Deciding
from bleuberi.data.known_columns import (
    CHATS,
    NAMES,
    PROMPTS,
    FileColumns,
    Known,
    as_verdict,
    chat_turns,
    first_filled,
)  # fmt: skip
from bleuberi.data.raw_row import RawRow
from bleuberi.data.trees import FLAT, ORPHANS, grown_trees, is_tree, threads
from bleuberi.data.turns import as_turns, has_tool_calls, is_turn, parts_text, read_turns
from bleuberi.errors import UserError
from bleuberi.records import Message

log = logging.getLogger(__name__)

_TEXTS: Final = ("content", "value", "text", "response", "output", "answer", "ground_truth")  # of an answer
TOOL_CALLS: Final = "with tool calls, which no text shows"
NOT_CHOSEN: Final = "without a `chosen` response"
UNANSWERED: Final = "messages of trees without a reply"
DELETED: Final = "messages that are marked as deleted"


@dataclass(frozen=True, slots=True)
class Layout:
    """The meaning of a file's columns: those that the user named, and those with known names."""

    prompt: tuple[str, ...] = ()  # texts, joined by a blank line; or one column of turns
    references: tuple[tuple[str, str], ...] = ()  # reference model, column
    system: str | None = None
    named_by: str | None = None  # the column that names who wrote the answer
    id: str | None = None
    known: Known = field(default_factory=Known)
    flat_trees: bool = False  # rows are single messages that name each other

    def sentence(self) -> str:
        """The layout in words, e.g. `prompt from instruction + input; ref_output_gold from output`."""
        if self.flat_trees:
            return f"prompts and ref_output_gold from the trees of {', '.join(FLAT)}"
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
        writer = f"<{named_by}>" if named_by else ""
        parts += [f"{columns.reference_column(writer or name)} from {column}" for name, column in answers]
        if writer and known.chats and not answers:
            parts.append(f"{columns.reference_column(writer)} from the closing turn")
        if known.labels:
            parts.append(f"only responses whose {' or '.join(known.labels)} is true")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Instruction:
    """A row's prompt, and its answers: reference model -> text. Without turns, the row has no prompt."""

    id: str | None
    source: str | None
    turns: tuple[Message, ...]
    answers: Mapping[str, str]
    left_out: str | None = None  # why the row, or its response, is not used


def named_columns(words: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """`NAME=COLUMN` or `COLUMN` -> reference model and column: gold for one column without a name, else its own name.

    Errors: `UserError` for an empty part, or a name twice.
    """
    pairs = [(name, column) if column else (columns.GOLD if len(words) == 1 else name, name)
             for name, _, column in (word.partition("=") for word in words)]  # fmt: skip
    names = [name for name, _ in pairs]
    if not all(names) or any(word.endswith("=") for word in words) or len(set(names)) < len(names):
        raise UserError(f"--references {' '.join(words)}. It cannot be parsed.", "Write NAME=COLUMN, each NAME once.")
    return tuple(pairs)


def _is_index(found: FileColumns) -> bool:
    """Whether the nameless column may be the row numbers that pandas writes."""
    return next(iter(found.by_name)) == ""


def _refuse_without_prompt(found: FileColumns) -> NoReturn:
    names = ", ".join(found.by_name) or "none at all"
    cure = "Name it with --prompt COLUMN, and the answers with --references [NAME=]COLUMN."
    if blank := [name for name in found.by_name if name.lower() in (*PROMPTS, *CHATS)]:
        raise UserError(f"{found.place}: no row has a text in {', '.join(blank)}; its columns: {names}.", cure)
    raise UserError(f"{found.place} has no known column for prompts: {names}.", cure)


def complete(layout: Layout, rows: Iterable[RawRow]) -> Layout:
    """Complete a layout from the names and values of the columns of all rows.

    Errors: `UserError` if no row has a named column, no column is known as a prompt, or a column that says which
    answers are good cannot be read.
    """
    found, deciding = FileColumns(), Deciding()
    for raw in rows:
        found.add(raw)
        deciding.add(raw)
    seen = found.by_name
    answers = (column for _, column in layout.references)
    for column in (*layout.prompt, *answers, layout.system, layout.named_by, layout.id):
        if column is not None and column not in seen and column.partition(".")[0] not in seen:
            raise UserError(f"{found.place} has no column {column}.", f"There are: {', '.join(seen)}.")
    if "" in seen and seen[""].filled and not _is_index(found):
        log.warning("%s: a column without a name has values, which are ignored; name it in the first line", found.place)
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
        if all(name in seen and seen[name].values for name in FLAT):
            return replace(layout, flat_trees=True)
        _refuse_without_prompt(found)
    deciding.check(known, closed_chats=found.closed(known.chats))
    has_ids = columns.ID in seen and seen[columns.ID].filled
    return replace(
        layout, references=layout.references or own, known=known, id=layout.id or (columns.ID if has_ids else None)
    )


def read_instructions(rows: Iterable[RawRow], layout: Layout) -> Iterator[Instruction]:
    """Yield prompts with their answers: one instruction per row, or those of all branches of a tree of messages.

    Errors: `UserError` for a value that is neither text nor turns.
    """
    for raw in grown_trees(rows) if layout.flat_trees else rows:
        if raw is None:
            yield Instruction(None, None, (), {}, ORPHANS)
        elif is_tree(raw.values):
            for turns, said in threads(raw):
                answers = {_numbered(columns.GOLD, number): text for number, text in enumerate(said, 1)}
                reason = None if said else UNANSWERED if turns else DELETED
                yield Instruction(None, None, tuple(turns) if said else (), answers, reason)
        else:
            yield read_instruction(raw, layout)


def read_instruction(raw: RawRow, layout: Layout) -> Instruction:
    """Read a row's prompt and answers. Errors: `UserError` for a value that is neither text nor turns."""
    known = layout.known
    turns: list[Message] = []
    chat_answer = None
    parts: list[str] = []
    asked = layout.prompt or known.asked(raw)
    for column in asked:
        value = cell(raw.values, column)
        found = chat_turns(column, value) if column in known.chats else as_turns(value)
        if found is not None:
            if has_tool_calls(found):
                return Instruction(_id(raw, layout), None, (), {}, TOOL_CALLS)
            turns = read_turns(raw, column, found)
            if turns and turns[-1]["role"] == "assistant":
                chat_answer = turns.pop()["content"]
        elif (text := _text(raw, column, value)) is not None and text.strip():
            parts.append(text)
    if parts:
        turns = [*_history(raw, known), *turns, Message(role="user", content="\n\n".join(parts))]
    if not any(turn["role"] == "user" for turn in turns):
        turns = []
    system = _first_text(raw, (layout.system,) if layout.system else known.systems)
    if turns and system and turns[0]["role"] != "system":
        turns.insert(0, Message(role="system", content=system))
    written_by = _first_text(raw, (layout.named_by,) if layout.named_by else known.names)
    references = layout.references
    left_out = None
    if known.labels and as_verdict(cell(raw.values, first_filled(known.labels, raw) or known.labels[0])) is not True:
        left_out = f"responses whose {' or '.join(known.labels)} is not true"
        chat_answer = None
    elif chat_answer is None or (known.is_decided and asked != known.answers):
        chat_answer = None
        if known.is_decided and first_filled(known.answers, raw) is None:
            left_out = NOT_CHOSEN
        references += tuple(
            (columns.GOLD, column) for column in [first_filled(known.answers, raw)] if column is not None
        )
    answers: dict[str, str] = {}
    for name, column in references:
        for found_name, text in _answers(raw, column, written_by or name):
            if text.strip():
                answers.setdefault(found_name, text)
    if chat_answer is not None and chat_answer.strip():
        answers.setdefault(written_by or columns.GOLD, chat_answer)
    source = _text(raw, columns.SOURCE, raw.values.get(columns.SOURCE))
    return Instruction(_id(raw, layout), source, tuple(turns), answers, left_out)


def _history(raw: RawRow, known: Known) -> list[Message]:
    """Earlier turns: couples of question and answer, or turns."""
    column = first_filled(known.histories, raw)
    if column is None:
        return []
    value = raw.values[column]
    if (turns := as_turns(value)) is not None:
        return read_turns(raw, column, turns)
    said: list[Message] = []
    for couple in value if isinstance(value, list) else [value]:
        if not isinstance(couple, list) or len(couple) != 2 or not all(isinstance(text, str) for text in couple):
            raise UserError(
                f"{raw.place}: `{column}` has no pairs of question and answer: {couple!r:.60}",
                "Write it as [[question, answer], ...], or as a list of {role, content}.",
            )
        question, answer = (valid_text(raw, column, text) for text in couple)
        said += [Message(role="user", content=question), Message(role="assistant", content=answer)]
    return said


def _first_text(raw: RawRow, names: Iterable[str]) -> str | None:
    name = first_filled(names, raw)
    return None if name is None else _text(raw, name, cell(raw.values, name))


def _answers(raw: RawRow, column: str, name: str) -> list[tuple[str, str]]:
    """The answers of one column with their names: one text, turns, several texts, or several with models' names."""
    value = cell(raw.values, column)
    turns = as_turns(value) if not isinstance(value, str) or value.lstrip().startswith("[{") else None
    if turns is not None and all(map(is_turn, turns)):
        said = [turn["content"] for turn in read_turns(raw, column, turns) if turn["role"] == "assistant"]
        return [(name, said[-1])] if said else []
    if isinstance(value, dict):  # SQuAD's {text: [...], answer_start: [...]}
        value = _text_in(value)
        if isinstance(value, list) and all(isinstance(text, str) for text in value):
            value = list(dict.fromkeys(value))  # several people marked the same words
    if not isinstance(value, list) or parts_text(value) is not None:
        text = _text(raw, column, value)
        return [] if text is None else [(name, text)]
    found = []
    for number, item in enumerate(value, 1):
        by, words = _numbered(name, number), item
        if isinstance(item, dict):
            by = next((item[key] for key in NAMES if isinstance(item.get(key), str) and item[key]), by)
            words = _text_in(item)
        if (checked := _text(raw, column, words)) is not None:
            found.append((valid_text(raw, column, by), checked))
    return found


def _text_in(value: dict[str, Any]) -> object:
    """The value under a usual name for text in an object; without one, the object itself, which `_text` rejects."""
    return next((value[key] for key in _TEXTS if key in value), value or None)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _text(raw: RawRow, column: str, value: object) -> str | None:
    """A cell's text; numbers as Python writes them; infinities are missing values. Errors: `UserError` for anything
    else."""
    if is_missing(value):
        return None
    if (text := value if isinstance(value, str) else parts_text(value)) is not None:
        return valid_text(raw, column, text)
    if isinstance(value, int | float):
        return None if value in (float("inf"), -float("inf")) else str(value)
    raise UserError(
        f"{raw.place}: `{column}` holds {type(value).__name__}, not text: {value!r:.60}",
        "Name the columns of texts with --prompt COLUMN and --references [NAME=]COLUMN.",
    )


def _id(raw: RawRow, layout: Layout) -> str | None:
    value = cell(raw.values, layout.id) if layout.id else None
    found = str(value) if isinstance(value, float) and not value.is_integer() else id_text(value)
    return None if found is None else valid_text(raw, str(layout.id), found)
