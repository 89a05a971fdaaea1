"""What people preferred: pairs of responses to one prompt. Knows column names and winners' names; scores nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from bleuberi import columns
from bleuberi.agreement.tables import Row
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.strict_json import as_finite

Winner = Literal["a", "b", "tie"]

WINNER_NAMES: Final[Mapping[str, Winner]] = {
    "a": "a", "model_a": "a", "response_a": "a", "left": "a", "chosen": "a",
    "b": "b", "model_b": "b", "response_b": "b", "right": "b", "rejected": "b",
    "tie": "tie", "ties": "tie", "draw": "tie", "equal": "tie", "tie (bothbad)": "tie", "both_bad": "tie",
}  # fmt: skip
"""Names of winners, in lower case. Plain numbers are not among them: data sets count from 0, from 1 or from ties."""


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two responses to a prompt, the one that people preferred, and the references the row itself brings."""

    id: str
    source: str
    prompt: str
    response_a: str
    response_b: str
    winner: Winner
    votes: tuple[Winner, ...]  # of single annotators, where known
    models: tuple[str | None, str | None]
    reference_by_model: Mapping[str, str]
    scores: Mapping[str, tuple[float | None, float | None]]  # made elsewhere, by name


def read_preferences(
    rows: Sequence[Row], *, sources: Sequence[str] = (), score_columns: Sequence[str] = ()
) -> tuple[list[PreferencePair], Tally]:
    """Pairs from rows with `response_a, response_b, winner` or `chosen, rejected`; rows without a winner are dropped.

    In place of the responses a row may have Chatbot Arena's `conversation_a` and `conversation_b`: their first exchange
    counts.

    `sources` keeps the rows of these sources alone. Errors: `UserError` for missing columns and unknown winners.
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
            f"No preference pair is left of {len(rows):,} rows ({dict(dropped)}).",
            f"Give rows with a winner; sources there are: {', '.join(found[:20])}.",
        )
    return pairs, Tally(len(rows), len(pairs), dict(dropped))


def winner_named(value: object, row: Row, number: int) -> Winner:
    """`a`, `b` or `tie` for a winner's name, which may also be the name of the row's model_a or model_b."""
    if isinstance(value, str):
        for side, column in (("a", "model_a"), ("b", "model_b")):
            if value == row.get(column) and row.get("model_a") != row.get("model_b"):
                return "a" if side == "a" else "b"
        known = WINNER_NAMES.get(value.strip().lower())
        if known:
            return known
    raise UserError(
        f"Row {number} has the unknown winner {value!r:.60}.",
        f"Write one of {', '.join(WINNER_NAMES)}, or the row's own model_a or model_b.",
    )


def _pair(row: Row, number: int, score_columns: Sequence[str]) -> PreferencePair | str:
    """The pair of a row, or why there is none."""
    chosen_form = "chosen" in row and "rejected" in row
    talks = not chosen_form and "conversation_a" in row and "response_a" not in row
    first, second = ("chosen", "rejected") if chosen_form else ("response_a", "response_b")
    if talks:
        first, second = "conversation_a", "conversation_b"
    missing = [name for name in (first, second) if name not in row]
    if missing or not (chosen_form or "winner" in row):
        raise UserError(
            f"Row {number} lacks the columns {', '.join([*missing, *([] if 'winner' in row else ['winner'])])}; "
            f"it has: {', '.join(row)[:300]}.",
            "Give prompt, response_a, response_b, winner (or conversation_a and conversation_b), or prompt, chosen, "
            "rejected.",
        )
    if not chosen_form and row["winner"] is None:
        return "without a winner"
    if row[first] is None or row[second] is None:
        return "without one of the responses"
    prompt = message_text(row.get(columns.PROMPT), "user") or message_text(row[first], "user", first_turn=True)
    if not prompt.strip():
        return "without a prompt"
    suffixes = ("chosen", "rejected") if chosen_form else ("a", "b")
    return PreferencePair(
        id=str(row.get(columns.ID, number)),
        source=str(row.get(columns.SOURCE) or "all"),
        prompt=prompt,
        response_a=message_text(row[first], "assistant", first_turn=talks),
        response_b=message_text(row[second], "assistant", first_turn=talks),
        winner="a" if chosen_form else winner_named(row["winner"], row, number),
        votes=_votes(row.get("votes"), row, number),
        models=(_name(row.get("model_a")), _name(row.get("model_b"))),
        reference_by_model=references_of(row),
        scores={
            name: (_score(row, f"{name}_{suffixes[0]}", number), _score(row, f"{name}_{suffixes[1]}", number))
            for name in score_columns
        },
    )


def references_of(row: Row) -> dict[str, str]:
    """The references a row brings, by model: `ref_output_*` columns, or a list `references`; no blank ones."""
    by_model = {
        name.removeprefix(columns.REFERENCE_PREFIX): value
        for name, value in row.items()
        if name.startswith(columns.REFERENCE_PREFIX) and isinstance(value, str) and value.strip()
    }
    listed = row.get(columns.REFERENCES)
    if not by_model and isinstance(listed, list):
        by_model = {
            f"{number}": text for number, text in enumerate(listed, 1) if isinstance(text, str) and text.strip()
        }
    return by_model


def message_text(value: object, role: str, *, first_turn: bool = False) -> str:
    """A text as it is; of a list of messages the content of the last (or first) turn of that role."""
    if isinstance(value, str):
        return "" if first_turn else value
    turns = [
        str(turn.get("content") or "")
        for turn in (value if isinstance(value, list) else [])
        if isinstance(turn, dict) and turn.get("role") == role
    ]
    return turns[0 if first_turn else -1] if turns else ""


def _votes(value: object, row: Row, number: int) -> tuple[Winner, ...]:
    if isinstance(value, Mapping):  # counts by name
        return tuple(
            winner_named(name, row, number) for name, count in value.items() for _ in range(int(str(count or 0)))
        )
    if isinstance(value, list | tuple):
        return tuple(winner_named(vote, row, number) for vote in value if vote is not None)
    return ()


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _score(row: Row, column: str, number: int) -> float | None:
    if column not in row:
        raise UserError(
            f"Row {number} has no column {column}; it has: {', '.join(row)[:300]}.",
            "--score_columns NAME reads NAME_a and NAME_b (NAME_chosen and NAME_rejected with chosen, rejected).",
        )
    value = row[column]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"Row {number}: {column} is {value!r:.60}, not a number.", "Write numbers, or null for none.")
    return as_finite(value)
