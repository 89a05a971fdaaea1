"""Columns that say which answers are good: they are either read or rejected, never ignored.

`label` (KTO) and `chosen` are read (known_columns.py), as are the ranks of trees (trees.py). To reject another column,
add its name to `CHOICES`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from bleuberi.data.cells import cell, is_filled
from bleuberi.data.known_columns import ANSWERS, CHOSEN, LABELS, REJECTED, Known, as_verdict
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError

log = logging.getLogger(__name__)

STRENGTHS: Final = ("preference_strength", "overall_preference", "margin")
"""Numbers that say how much better one answer is than the other; below 0 if it is worse."""
CHOICES: Final = frozenset({
    "winner", "winner_model_a", "winner_model_b", "winner_tie", "preference", "preference_strength",
    "overall_preference", "preferred", "is_preferred", "better_response_id", "safer_response_id", "rank", "ranks",
    "ranking", "rankings", "choice", "best", "is_best", "selected", "is_selected", "accepted", "is_accepted",
    "is_chosen", "is_correct",
})  # fmt: skip
"""Columns of a row, or fields of an answer in a list, that choose between answers."""
_GRADES: Final = frozenset(
    {"score", "scores", "rating", "ratings", "grade", "quality", "helpfulness", "overall_score", "reward"}
)
_CURE: Final = (
    "Keep only rows whose answers are good and remove the column, or rename it if it says something else. "
    "--references COLUMN takes all answers of a column."
)


class Odd(NamedTuple):
    """A value that decides which answer is good, but that this reader does not understand: its column, row and
    value."""

    column: str
    place: str
    value: object

    def error(self, why: str) -> UserError:
        """The error that names the row and the value."""
        return UserError(f"{self.place}: `{self.column}` is {self.value!r:.60}, {why}.", _CURE)


@dataclass(slots=True)
class Deciding:
    """For each column of a file that decides which answers are good, its first value that this reader does not
    understand."""

    labels: dict[str, Odd] = field(default_factory=dict)  # that are neither true nor false
    choices: dict[str, Odd] = field(default_factory=dict)
    against: dict[str, Odd] = field(default_factory=dict)  # the answer that `chosen` has
    not_texts: dict[str, Odd] = field(default_factory=dict)  # values of `chosen` that name an answer
    inside: dict[str, Odd] = field(default_factory=dict)  # by column of answers: fields of single answers
    grades: dict[str, str] = field(default_factory=dict)  # place of the first value

    def add(self, raw: RawRow) -> None:
        """Check one more row."""
        for name, value in raw.values.items():
            lower = name.lower()
            if lower in LABELS and is_filled(value) and as_verdict(value) is None:
                self.labels.setdefault(name, Odd(name, raw.place, value))
            elif lower in CHOICES and is_filled(value):
                self.choices.setdefault(name, Odd(name, raw.place, value))
            elif lower in _GRADES and is_filled(value):
                self.grades.setdefault(name, raw.place)
            elif lower == CHOSEN and isinstance(value, bool | int | float) and is_filled(value):
                self.not_texts.setdefault(name, Odd(name, raw.place, value))
            if lower in STRENGTHS and isinstance(value, int | float) and value < 0:
                self.against.setdefault(name, Odd(name, raw.place, value))
        for name in ANSWERS:
            for odd in _inside(raw, name):
                self.inside.setdefault(name, odd)

    def check(self, known: Known, *, closed_chats: bool) -> None:
        """`known`: the columns that are read; `closed_chats`: some of their chats end with an answer.

        Warns about columns that rate answers. Errors: `UserError`, with row and value, if a column decides which
        answers are good and its values are not read.
        """
        if not (known.answers or closed_chats):
            return
        reads_chosen = {name.lower() for name in known.answers or known.chats} == {CHOSEN}
        for odd in self.labels.values():
            raise odd.error("neither true nor false: which answers are good is not known")
        for odd in self.not_texts.values():
            if reads_chosen or odd.column in known.answers:
                raise odd.error("not a text: which answer it chooses is not known")
        for odd in self.against.values() if reads_chosen else self.choices.values():
            raise odd.error("against `chosen`" if reads_chosen else "and which answer it chooses is not known")
        for name in known.answers:
            if name in self.inside:
                raise self.inside[name].error("and a list's answers are not chosen by it")
        for name, place in self.grades.items():
            log.warning(
                "%s: the column %s is not read; if it rates the answers, remove the bad ones first",
                place.partition(",")[0], name,
            )  # fmt: skip


def undecided(raw: RawRow) -> Odd | None:
    """A value in a chat row that may mark its closing answer as bad, or None."""
    for name, value in raw.values.items():
        lower = name.lower()
        if lower in LABELS and value is not None and as_verdict(value) is not True:
            return Odd(name, raw.place, value)
        if (lower in CHOICES or lower == REJECTED) and is_filled(value):
            return Odd(name, raw.place, value)
    return None


def is_one(place: str, column: str, value: object) -> bool:
    """Whether a column of 0 and 1 has 1; a missing value is 0. Errors: `UserError` for another value."""
    text = str(value).strip().lower() if is_filled(value) else "0"
    if text not in ("1", "1.0", "true", "0", "0.0", "false"):
        raise UserError(f"{place}: {column} is {value!r:.60}, neither 0 nor 1.", "Write 0 or 1.")
    return text in ("1", "1.0", "true")


def _inside(raw: RawRow, name: str) -> Iterator[Odd]:
    value = cell(raw.values, name)
    for item in value if isinstance(value, list) else ():
        for key, found in item.items() if isinstance(item, dict) else ():
            if isinstance(key, str) and key.lower() in (*LABELS, *CHOICES) and is_filled(found):
                yield Odd(f"{name}.{key}", raw.place, found)
