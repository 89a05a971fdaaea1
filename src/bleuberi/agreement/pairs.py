"""Read people's preferences: pairs of responses to one prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from bleuberi import columns
from bleuberi.agreement.tables import Row
from bleuberi.data.asked import asked_of
from bleuberi.data.cells import id_text, valid_text
from bleuberi.data.deciding import is_one
from bleuberi.data.known_columns import CHATS, PROMPTS, chat_turns
from bleuberi.data.raw_row import RawRow
from bleuberi.data.references import references_in
from bleuberi.data.turns import alternating, as_turns, conversation_key, last_user_text, parts_text, read_turns
from bleuberi.errors import UserError
from bleuberi.records import Message, Tally
from bleuberi.strict_json import as_finite

Winner = Literal["a", "b", "tie"]
WINNERS: Final[tuple[Winner, ...]] = ("a", "b", "tie")

WINNER_NAMES: Final[Mapping[str, Winner]] = {
    "a": "a", "model_a": "a", "response_a": "a", "left": "a", "chosen": "a",
    "b": "b", "model_b": "b", "response_b": "b", "right": "b", "rejected": "b",
    "tie": "tie", "ties": "tie", "draw": "tie", "equal": "tie", "tie (bothbad)": "tie", "both_bad": "tie",
}  # fmt: skip
"""Names of winners, in lower case. Plain numbers are not accepted, because data sets number winners differently."""


class Votes(NamedTuple):
    """The numbers of annotators who preferred a, b and neither."""

    a: int = 0
    b: int = 0
    tie: int = 0

    @classmethod
    def of(cls, votes: Iterable[Winner]) -> Votes:
        """Count single votes."""
        counts = Counter(votes)
        return cls(*(counts[winner] for winner in WINNERS))

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.a, self.b, self.tie

    @property
    def total(self) -> int:
        return self.a + self.b + self.tie


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two responses to a prompt, people's preference, and references given in the row."""

    id: str
    source: str
    prompt: str
    response_a: str
    response_b: str
    winner: Winner
    votes: Votes  # of single annotators, if known
    models: tuple[str | None, str | None]
    reference_by_model: Mapping[str, str]
    scores: Mapping[str, tuple[float | None, float | None]]  # precomputed scores, by name
    conversation: str = ""  # the key of all turns up to the response, if there are several

    @property
    def asked(self) -> str:
        """The key of the input: the whole conversation, or the prompt."""
        return self.conversation or self.prompt


def read_preferences(
    rows: Sequence[Row], *, sources: Sequence[str] = (), score_columns: Sequence[str] = ()
) -> tuple[list[PreferencePair], Tally]:
    """Pairs from rows with `response_a, response_b, winner` or `chosen, rejected`; rows without a winner are dropped.

    Instead of the responses, a row may have Chatbot Arena's `conversation_a` and `conversation_b`; their last responses
    are used. `sources` keeps only rows of these sources. Errors: `UserError` for missing columns and unknown winners.
    """
    dropped: Counter[str] = Counter()
    pairs = []
    for number, row in enumerate(rows, 1):
        if sources and row.get(columns.SOURCE) not in sources:
            dropped["of other sources"] += 1
            continue
        pair = _pair(row, number, score_columns)
        if isinstance(pair, str):
            dropped[pair] += 1
        else:
            pairs.append(pair)
    if not pairs:
        found = sorted({str(row.get(columns.SOURCE)) for row in rows})
        raise UserError(
            f"None of {len(rows):,} rows can be used as a preference pair ({dict(dropped)}).",
            f"Give rows with a winner. Available sources: {', '.join(found[:20])}.",
        )
    return pairs, Tally(len(rows), len(pairs), dict(dropped))


def winner_named(value: object, row: Row, number: int) -> Winner:
    """Convert a winner's name, which may also be the row's model_a or model_b, to `a`, `b` or `tie`."""
    if isinstance(value, str):
        for side, column in (("a", "model_a"), ("b", "model_b")):
            if value == row.get(column) and row.get("model_a") != row.get("model_b"):
                return "a" if side == "a" else "b"
        known = WINNER_NAMES.get(value.strip().lower())
        if known:
            return known
    raise UserError(
        f"Row {number} has an unknown winner: {value!r:.60}.",
        f"Write one of {', '.join(WINNER_NAMES)}, or the row's model_a or model_b.",
    )


class _Form(NamedTuple):
    """The columns of the two responses, and the suffixes of their other columns."""

    first: str
    second: str
    endings: tuple[str, str]


_FORMS: Final = (
    _Form("chosen", "rejected", ("chosen", "rejected")),
    _Form("response_a", "response_b", ("a", "b")),
    _Form("conversation_a", "conversation_b", ("a", "b")),  # Chatbot Arena: whole conversations
)
_WINNER_FLAGS: Final[Mapping[str, Winner]] = {"winner_model_a": "a", "winner_model_b": "b", "winner_tie": "tie"}
"""Kaggle's 0/1 columns for the winner."""


def _pair(row: Row, number: int, score_columns: Sequence[str]) -> PreferencePair | str:
    """The pair of a row, or the reason why there is none."""
    form = next((form for form in _FORMS if form.first in row and form.second in row), _FORMS[1])
    missing = [name for name in (form.first, form.second) if name not in row]
    names_winner = form.first == "chosen" or "winner" in row or bool(_WINNER_FLAGS.keys() & row.keys())
    if missing or not names_winner:
        raise UserError(
            f"Row {number} has no columns {', '.join([*missing, *([] if names_winner else ['winner'])])}. "
            f"Its columns: {', '.join(row)[:300]}.",
            "Give prompt, response_a, response_b, winner (or conversation_a and conversation_b), or prompt, chosen, "
            "rejected.",
        )
    winner = "a" if form.first == "chosen" else _winner(row, number)
    if winner is None:
        return "without a winner"
    if row[form.first] is None or row[form.second] is None:
        return "without one of the responses"
    asked, texts = _said(row, number, form)
    prompt = last_user_text(asked) or ""
    if not prompt.strip():
        return "without a prompt"
    return PreferencePair(
        id=_id(row, number),
        source=str(row.get(columns.SOURCE) or "all"),
        prompt=prompt,
        response_a=texts[0],
        response_b=texts[1],
        winner=winner,
        votes=_votes(row.get("votes"), row, number),
        models=(_name(row.get("model_a")), _name(row.get("model_b"))),
        reference_by_model=references_in(row),
        scores={
            name: (_score(row, f"{name}_{form.endings[0]}", number), _score(row, f"{name}_{form.endings[1]}", number))
            for name in score_columns
        },
        conversation=conversation_key(asked) if len(asked) > 1 else "",
    )


def _winner(row: Row, number: int) -> Winner | None:
    """The winner in a row, from its winner column or its 0/1 columns; None if missing."""
    value = row.get("winner")
    if value is not None:
        return winner_named(value, row, number)
    told = [winner for name, winner in _WINNER_FLAGS.items() if is_one(f"Row {number}", name, row.get(name))]
    if len(told) > 1:
        raise UserError(f"Row {number} has several winners: {', '.join(told)}.", "Set one of them to 1.")
    return next(iter(told), None)


def _said(row: Row, number: int, form: _Form) -> tuple[list[Message], tuple[str, str]]:
    """The turns up to the responses, and the two responses."""
    raw = RawRow(f"row {number}", row)
    asked = _turns(raw, columns.PROMPT, "user")
    several = alternating(row.get(columns.PROMPT))  # Kaggle has lists of user turns and of each model's turns
    first, second = (_turns(raw, name, "assistant") for name in (form.first, form.second))
    if several is not None:
        questions = [str(turn["content"]) for turn in several]
        said = alternating(row[form.first]) or []
        asked = []
        for place, question in enumerate(questions):
            asked.append(Message(role="user", content=question))
            if place < len(questions) - 1 and place < len(said):
                asked.append(Message(role="assistant", content=str(said[place]["content"])))
    elif not asked:
        asked = first[:-1] if first and first[-1]["role"] == "assistant" else first
        if not any(turn["role"] == "user" for turn in asked):
            turns, text = asked_of(raw)
            asked = turns or ([Message(role="user", content=text)] if text else [])
    return asked, (_last_response(first), _last_response(second))


def _turns(raw: RawRow, column: str, role: str) -> list[Message]:
    """Convert a cell to turns; plain texts become turns of `role`."""
    value = raw.values.get(column)
    if value is None:
        return []
    value = value if (text := parts_text(value)) is None else text
    found = alternating(value)
    if found is not None:
        return [Message(role=role, content=str(turn["content"])) for turn in found]
    found = as_turns(value)
    if found is not None:
        return read_turns(raw, column, found)
    return [Message(role=role, content=valid_text(raw, column, value))] if isinstance(value, str) else []


def _last_response(turns: Sequence[Message]) -> str:
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == "assistant"), "")


def _id(row: Row, number: int) -> str:
    for name in (columns.ID, "question_id"):
        if (found := id_text(row.get(name))) is not None:
            return found
    return str(row.get(columns.ID, number))


def row_turns(row: Row, number: int = 0) -> list[Message]:
    """The input of a row: its `messages` up to the final response, or its prompt."""
    raw = RawRow(f"row {number}", row)
    for column in (*CHATS, columns.PROMPT, *PROMPTS):
        turns = chat_turns(column, row.get(column)) if column in CHATS else None
        found = read_turns(raw, column, turns) if turns is not None else []
        if column not in CHATS:
            found = _turns(raw, column, "user")
        if found and found[-1]["role"] == "assistant":
            found.pop()
        if any(turn["role"] == "user" for turn in found):
            return found
    return []


def message_text(value: object, role: str) -> str:
    """Plain text unchanged; for a list of messages, the content of the last turn of that role."""
    if (text := value if isinstance(value, str) else parts_text(value)) is not None:
        return text
    found = as_turns(value) or []
    turns = [turn["content"] for turn in read_turns(RawRow("a row", {}), "", found) if turn["role"] == role]
    return turns[-1] if turns else ""


def _votes(value: object, row: Row, number: int) -> Votes:
    """Errors: `UserError` for anything but a list of winners, or counts by winner."""
    if value is None:
        return Votes()
    if isinstance(value, Mapping):
        counts = dict.fromkeys(WINNERS, 0)
        for name, count in value.items():
            if count is not None:
                counts[winner_named(name, row, number)] += _whole(count, number)
        return Votes(*counts.values())
    if isinstance(value, list | tuple):
        return Votes.of(winner_named(vote, row, number) for vote in value if vote is not None)
    raise UserError(
        f"Row {number}: invalid votes {value!r:.60}.", "Write a list of winners, or counts as {model_a: 2, tie: 1}."
    )


def _whole(count: object, number: int) -> int:
    whole = isinstance(count, int | float) and not isinstance(count, bool) and count >= 0 and count == count // 1
    if not whole:
        raise UserError(f"Row {number}: {count!r:.60} is not a valid number of votes.", "Write integers of at least 0.")
    return int(count)  # type: ignore[call-overload, no-any-return]


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _score(row: Row, column: str, number: int) -> float | None:
    if column not in row:
        raise UserError(
            f"Row {number} has no column {column}. Its columns: {', '.join(row)[:300]}.",
            "--score_columns NAME needs NAME_a and NAME_b (for chosen/rejected: NAME_chosen and NAME_rejected).",
        )
    value = row[column]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"Row {number}: {column} is {value!r:.60}, not a number.", "Write numbers, or null if missing.")
    return as_finite(value)
