"""Read responses that were generated elsewhere, for `--outputs` and for the response files of `evaluate`.

A row has a response, and the `id` or the `prompt` of the pool row that it answers. `read_responses` reads the rows,
`join_responses` finds the pool row of each, `responses_to` does both.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from bleuberi import columns
from bleuberi.data.asked import asked_of, chat_column
from bleuberi.data.cells import cell, id_text, is_missing, valid_text
from bleuberi.data.known_columns import CHATS, NAMES, chat_turns
from bleuberi.data.raw_row import RawRow
from bleuberi.data.tables import read_rows
from bleuberi.data.turns import as_turns, conversation_key, has_tool_calls, parts_text, read_turns
from bleuberi.errors import UserError
from bleuberi.generation.base import FINISH_WORDS
from bleuberi.on_disk import Numbers, Spilled
from bleuberi.records import Example, Message
from bleuberi.strict_json import is_finite

log = logging.getLogger(__name__)

_OWNERS: Final = tuple(reversed(NAMES))  # `model` first: data sets of outputs have it


class MadeResponse(NamedTuple):
    """One row: its response, and the `id` or the `prompt` that it answers. None means that the file does not record
    it."""

    place: str  # e.g. `run.jsonl, line 12`
    id: str | None
    prompt: str | None  # the last user turn
    text: str
    finish_reason: str | None  # of FINISH_WORDS where it is known
    sampling: Any
    conversation: str | None = None  # the `conversation_key` of a row that has turns
    numbers: Mapping[str, float] = MappingProxyType({})  # the cells that are finite numbers, e.g. scores
    no_numbers: tuple[str, ...] = ()  # columns of scores whose cell is null or is not a finite number


@dataclass(frozen=True, slots=True)
class JoinedResponses:
    """A file's rows by the pool's ids, in the file's order, and the number of rows that match no pool row."""

    by_id: Mapping[str, list[MadeResponse]]
    unknown: int
    repeated: int  # rows after the first one of an id


def read_responses(path: Path, model: str | None = None, flag: str = "--outputs") -> Sequence[MadeResponse]:
    """The rows that have a response, from any file that `read_rows` reads; a response of null or NaN counts as missing.

    The response is one of TEXT_COLUMNS, or a chat's last assistant turn. If the file has a column `model` (or
    `generator`), only the rows of `model` count. The texts "None" and "N/A" stay texts. Errors: `UserError` for a
    missing file or column, or a model without rows; `flag` is named in it. The rows are in a temporary file.
    """
    if not path.is_file():
        raise UserError(f"File {path} does not exist.", f"Check the path given with {flag}.")
    models: dict[str, None] = {}
    rows: Spilled[MadeResponse] = Spilled()
    for raw in read_rows(str(path)):
        owner = next((found for name in _OWNERS if (found := cell(raw.values, name)) is not None), None)
        if owner is not None:
            models.setdefault(str(owner))
            if model is not None and str(owner) not in (model, columns.model_short_name(model)):
                continue
        row = read_response(raw)
        if row is not None:
            rows.append(row)
    if model is None and len(models) > 1:
        cure = "Say whose count with --model." if flag == "--outputs" else "Give each model a file of its own."
        raise UserError(f"{path.name} holds responses of {len(models)} models: {', '.join(models)}.", cure)
    if not rows:
        found = f" Models found: {', '.join(models)}." if models else ""
        raise UserError(f"{path.name} has no responses{f' of {model}' if model else ''}.{found}", f"Check {flag}.")
    return rows


def responses_to(
    examples: Sequence[Example],
    path: Path,
    model: str | None = None,
    flag: str = "--outputs",
    *,
    log_unknown: bool = True,  # False if the caller reports them
) -> JoinedResponses:
    """Read a file's responses to the examples. Errors: `UserError` as in `read_responses` and `join_responses`, and if
    no response belongs to an example."""
    rows = read_responses(path, model, flag)
    joined = join_responses(examples, rows)
    if not joined.by_id:
        raise UserError(
            f"No row of {path} has an id or a prompt of the pool.",
            "Check that the responses are to prompts of this pool.",
        )
    if joined.unknown and log_unknown:
        log.info("%s: responses to other prompts, left out: %d of %d", path.name, joined.unknown, len(rows))
    return joined


def join_responses(examples: Sequence[Example], rows: Sequence[MadeResponse]) -> JoinedResponses:
    """Join rows with the pool by id; if the id is missing or unknown, by the prompt: all turns, or the exact text.

    What the pool asks several times counts for all of its rows. A prompt without its conversation counts for none if
    the pool's rows differ in earlier turns. Errors: `UserError` if a row has the id of one prompt and asks another.
    """
    by_turns = any(row.conversation is not None for row in rows)
    by_prompt = any(row.conversation is None and row.prompt is not None for row in rows)
    known: Numbers[str] = Numbers()  # places of examples
    asking: Numbers[str] = Numbers()
    ending: Numbers[str] = Numbers()
    for place, example in enumerate(examples):
        known.add(example.id, place)
        if by_turns:
            for key in {conversation_key(example.messages), conversation_key(_without_system(example))}:
                asking.add(_short(key), place)
        if by_prompt:
            ending.add(_short(example.prompt), place)
    found: Numbers[int] = Numbers()  # by place of an example the numbers of its rows
    unknown = 0
    for number, row in enumerate(rows):
        asked = asking.get(_short(row.conversation), []) if row.conversation is not None else []
        if row.conversation is None and row.prompt is not None:
            asked = ending.get(_short(row.prompt), [])
        if row.id is not None and (named := known.get(row.id)):
            if asked and named[0] not in asked:
                raise UserError(
                    f"{row.place} has the id {row.id}, but the prompt of {examples[asked[0]].id}.",
                    "Use the pool's ids, or omit the ids: rows are then matched by their prompts.",
                )
            found.add(named[0], number)
        elif asked and (row.conversation is not None or _are_alike([examples[place] for place in asked])):
            for place in asked:
                found.add(place, number)
        else:
            unknown += 1
    return JoinedResponses(_Found(examples, rows, known, found), unknown, found.total() - len(found))


class _Found(Mapping[str, list[MadeResponse]]):
    """The rows of each example that has any, read at each access; in the order of the examples."""

    def __init__(
        self,
        examples: Sequence[Example],
        rows: Sequence[MadeResponse],
        known: Mapping[str, list[int]],
        found: Mapping[int, list[int]],
    ) -> None:
        self._examples, self._rows, self._known, self._found = examples, rows, known, found

    def __getitem__(self, row_id: str) -> list[MadeResponse]:
        return [self._rows[number] for number in self._found[self._known[row_id][0]]]

    def __iter__(self) -> Iterator[str]:
        return (self._examples[place].id for place in self._found)

    def __len__(self) -> int:
        return len(self._found)


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _are_alike(examples: Sequence[Example]) -> bool:
    return all(one.messages == examples[0].messages for one in examples)


def _without_system(example: Example) -> list[Message]:
    return [turn for turn in example.messages if turn["role"] != "system"]


def read_response(raw: RawRow) -> MadeResponse | None:
    """The row's response; None if it is null. Errors: `UserError` for a row that lacks a column."""
    text = _text(raw)
    if text is None:
        return None
    given = raw.values.get(columns.ID)
    row_id = id_text(given)
    if row_id is None and not is_missing(given) and given != "":
        raise UserError(f"{raw.place} has no usable `id`: {given!r:.60}", "Give every response the id of its row.")
    try:
        turns, prompt = asked_of(raw)
    except UserError:  # e.g. a picture in a turn: the id is enough
        if row_id is None:
            raise
        turns, prompt = [], None
    if row_id is None and prompt is None:
        raise UserError(
            f"{raw.place} lacks `id` and `prompt`; its columns are: {_names(raw)}.",
            "Rename the column with the pool's ids to `id`, or give each row its `prompt`.",
        )
    said = cell(raw.values, "finish_reason")
    word = str(said).strip().lower().rpartition(".")[2]  # of `FinishReason.MAX_TOKENS`
    reason = None if said is None else FINISH_WORDS.get(word, str(said))
    return MadeResponse(
        raw.place, row_id, prompt, text, reason, raw.values.get("sampling"),
        conversation_key(turns) if turns else None,
        {name: float(value) for name, value in raw.values.items() if is_finite(value)},
        tuple(name for name, value in raw.values.items() if name.endswith("score") and not is_finite(value)),
    )  # fmt: skip


def _text(raw: RawRow) -> str | None:
    column = next((name for name in columns.TEXT_COLUMNS if name in raw.values), None) or chat_column(raw)
    if column is None:
        raise UserError(
            f"{raw.place} lacks a response; its columns are: {_names(raw)}.",
            f"Rename its column to `response` (or {', '.join(columns.TEXT_COLUMNS)}), or give a chat as `messages`.",
        )
    value = cell(raw.values, column)
    value = value if (text := parts_text(value)) is None else text
    found = value if isinstance(value, list) else chat_turns(column, value) if column in CHATS else None
    if isinstance(value, dict):
        found = as_turns(value)
    if found is not None:  # turns, as TRL writes completions
        if not all(isinstance(turn, str) for turn in found):
            return _last_answer(raw, column, found)
        found = chat_turns(column, found) if column in CHATS else None
        return None if found is None else _last_answer(raw, column, found)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{raw.place}: `{column}` holds no text: {value!r:.60}", "Write every response as a string.")
    return None if value is None else valid_text(raw, column, value)


def _last_answer(raw: RawRow, column: str, found: Sequence[Any]) -> str | None:
    turns = read_turns(raw, column, found)
    if not turns or turns[-1]["role"] != "assistant":
        return None
    text = turns[-1]["content"]
    return None if not text and has_tool_calls(found[-1:]) else text


def _names(raw: RawRow) -> str:
    return ", ".join(map(str, raw.values))
