"""Find the columns of an instruction file that have known names.

To recognise another column, add its name to the tuple of its kind; earlier names come first. Case does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bleuberi.data.cells import cell, is_filled
from bleuberi.data.raw_row import RawRow
from bleuberi.data.turns import alternating, as_turns, ends_with_response
from bleuberi.errors import UserError

CHATS: Final = ("messages", "conversations", "conversation", "chosen")
PROMPTS: Final = ("instruction", "prompt", "question", "query", "problem", "input")
CONTEXTS: Final = ("input", "context")
ANSWERS: Final = (
    "output", "response", "completion", "completions", "responses", "answer", "answers", "chosen", "solution", "target",
    "reward_model.ground_truth",
)  # fmt: skip
SYSTEMS: Final = ("system", "system_prompt")
NAMES: Final = ("generator", "model")
HISTORIES: Final = ("history",)
LABELS: Final = ("label", "kto_tag")
CHOSEN: Final = "chosen"
REJECTED: Final = "rejected"
"""Columns by what they hold; of several in one row the first that has a value counts."""
_MOST_COLUMNS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """The columns of a file that have known names. Those of one kind are alternatives: a row may have any."""

    chats: tuple[str, ...] = ()  # turns; their closing answer is the reference
    prompts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()  # joined to the prompt by a blank line
    answers: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # who wrote the answer
    histories: tuple[str, ...] = ()  # turns before the prompt
    labels: tuple[str, ...] = ()  # whether the row's answer is a good one (KTO)
    is_decided: bool = False  # there is `rejected` too, so only `chosen` has answers; it is the one column of `answers`

    def asked(self, raw: RawRow) -> tuple[str, ...]:
        """The columns of the row's prompt. Errors: `UserError` if a chat column has something other than turns."""
        for name in self.chats:
            if chat_turns(name, raw.values.get(name)) is not None:
                return (name,)
        prompt, context = first_filled(self.prompts, raw), first_filled(self.contexts, raw)
        if prompt is not None and as_turns(raw.values[prompt]) is not None:
            return (prompt,)
        asked = tuple(name for name in (prompt, context) if name is not None)
        chat = first_filled(self.chats, raw)
        if not asked and chat is not None and not isinstance(raw.values[chat], list):
            raise UserError(
                f"{raw.place}: `{chat}` holds {type(raw.values[chat]).__name__}, not turns: {raw.values[chat]!r:.60}",
                "Write turns as a list of {role, content}, or name the prompt with --prompt COLUMN.",
            )
        return asked if asked or chat is None else (chat,)


@dataclass(slots=True)
class Column:
    """Counts of the rows in which a column has a value, one that is not blank, a text, a list with items, turns, true
    or false."""

    values: int = 0
    filled: int = 0
    texts: int = 0
    lists: int = 0
    chats: int = 0
    open_chats: int = 0  # that do not end with a response
    verdicts: int = 0

    def add(self, name: str, value: object) -> None:
        """Count the value of one more row."""
        filled = is_filled(value)
        self.values += value is not None
        self.filled += filled
        self.texts += isinstance(value, str)
        self.lists += isinstance(value, list | dict) and filled
        self.verdicts += as_verdict(value) is not None
        if filled and name.lower() in CHATS and (turns := chat_turns(name, value)) is not None:
            self.chats += 1
            self.open_chats += not ends_with_response(turns)


@dataclass(slots=True)
class FileColumns:
    """The columns of all rows of a file in the order of their appearance. Memory grows with the columns only."""

    by_name: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    place: str = ""  # of the first row

    def add(self, raw: RawRow) -> None:
        """Count one more row. Errors: `UserError` for more columns than a table has."""
        self.rows += 1
        self.place = self.place or raw.place
        for name, value in raw.values.items():
            self.by_name.setdefault(name, Column()).add(name, value)
        for name in ANSWERS:
            if "." in name and (value := cell(raw.values, name)) is not None:
                self.by_name.setdefault(name, Column()).add(name, value)
        if len(self.by_name) > _MOST_COLUMNS:
            raise UserError(
                f"{raw.place}: the file has more than {_MOST_COLUMNS:,} columns.",
                "Keep only the columns with prompts and answers.",
            )

    def known(
        self, named_prompt: tuple[str, ...], *, with_answers: bool, with_systems: bool, with_names: bool
    ) -> Known:
        """The columns with known names, without prompt columns if the user named one, and only of the requested
        kinds."""
        chats: tuple[str, ...] = ()
        prompts: tuple[str, ...] = ()
        contexts: tuple[str, ...] = ()
        if not named_prompt:
            chats = self._alternatives(CHATS, lambda column: column.chats)
        if not named_prompt and not (chats and self.by_name[chats[-1]].chats == self.rows):
            plain = [name for name in PROMPTS if name not in CONTEXTS]
            prompts = self._alternatives(plain, lambda column: column.texts + column.lists)
            prompts = prompts or self._alternatives(PROMPTS, lambda column: column.texts + column.lists)
        if not (named_prompt or chats or prompts):  # for its error, which names the row
            chats = self._alternatives(CHATS, lambda column: column.filled)
        taken = {name.lower() for name in (*named_prompt, *prompts)}
        if prompts:
            contexts = self._alternatives([name for name in CONTEXTS if name not in taken], lambda column: column.texts)
        asks = bool(named_prompt or prompts)
        answers: tuple[str, ...] = ()
        if with_answers and (asks or any(self.by_name[name].open_chats for name in chats)):
            taken |= {name.lower() for name in chats if self.by_name[name].chats == self.by_name[name].filled}
            answers = self._alternatives([name for name in ANSWERS if name not in taken], lambda column: column.values)
        decided = self._decided(chats) if with_answers else ()
        answers = decided or answers
        return Known(
            chats, prompts, contexts, answers,
            systems=self._alternatives(
                [name for name in SYSTEMS if with_systems and name not in taken], lambda column: column.values
            ),
            names=self._alternatives(NAMES, lambda column: column.texts)
            if with_names and (answers or chats) else (),
            histories=self._alternatives(HISTORIES, lambda column: column.lists) if asks else (),
            labels=self._alternatives(LABELS, lambda column: 0 < column.verdicts == column.filled)
            if answers or chats else (),
            is_decided=bool(decided),
        )  # fmt: skip

    def closed(self, chats: Iterable[str]) -> bool:
        """Whether any chat of these columns ends with a response."""
        return any(self.by_name[name].chats > self.by_name[name].open_chats for name in chats)

    def _decided(self, chats: tuple[str, ...]) -> tuple[str, ...]:
        """`chosen`, if there is `rejected` too and the answers are not those of its chats anyway."""
        filled = {name.lower(): name for name, column in self.by_name.items() if column.filled}
        chosen = filled.get(CHOSEN)
        return () if chosen is None or REJECTED not in filled or chats == (chosen,) else (chosen,)

    def _alternatives(self, names: Iterable[str], fits: Callable[[Column], int]) -> tuple[str, ...]:
        """The columns with fitting values in the order of `names`, up to the first that has a value in every row."""
        found: list[str] = []
        for name in names:
            spellings = [own for own in self.by_name if own == name or own.lower() == name]
            for own in sorted(spellings, key=lambda own: own != name):
                if fits(self.by_name[own]):
                    found.append(own)
                    if self.by_name[own].filled == self.rows:
                        return tuple(found)
        return tuple(found)


def as_verdict(value: object) -> bool | None:
    """True or false, also written as text, as in tables that have only texts; None for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def chat_turns(name: str, value: object) -> list[object] | None:
    """The turns of a column of chats; None if it has none. `chosen` counts only if its turns have the question too."""
    found = as_turns(value)
    if found is None and name.lower() != "chosen":
        found = alternating(value)
    if found and name.lower() == "chosen" and not _asks(found):
        return None
    return found


def _asks(turns: list[object]) -> bool:
    return len(turns) > 1


def first_filled(names: Iterable[str], raw: RawRow) -> str | None:
    """The first of the columns that has a value in this row; blank texts, empty lists and NaN do not count."""
    return next((name for name in names if is_filled(cell(raw.values, name))), None)
