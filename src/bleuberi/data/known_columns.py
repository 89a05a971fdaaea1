"""The columns that an instruction file has, and which of them are known by their names.

To read another column by itself, add its name to the tuple of its kind; earlier names come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bleuberi.data.tables import RawRow
from bleuberi.errors import UserError

CHATS: Final = ("messages", "conversations", "conversation", "chosen")
PROMPTS: Final = ("instruction", "prompt", "question", "query", "problem", "input")
CONTEXTS: Final = ("input", "context")
ANSWERS: Final = (
    "output", "response", "completion", "completions", "responses", "answer", "answers", "chosen", "solution", "target",
)  # fmt: skip
SYSTEMS: Final = ("system", "system_prompt")
NAMES: Final = ("generator", "model")
"""Columns by what they hold; of several in one row the first that has a value counts."""


@dataclass(frozen=True, slots=True)
class Known:
    """The columns of a file that are known by their names. Those of one kind are alternatives: a row may have any."""

    chats: tuple[str, ...] = ()  # turns; their closing answer is the reference
    prompts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()  # joined to the prompt by a blank line
    answers: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # who wrote the answer

    def asked(self, raw: RawRow) -> tuple[str, ...]:
        """The row's columns of its prompt. Errors: `UserError` if a chat column has something else than turns."""
        for name in self.chats:
            if isinstance(raw.values.get(name), list) and raw.values[name]:
                return (name,)
        prompt, context = first_filled(self.prompts, raw), first_filled(self.contexts, raw)
        if prompt is not None and isinstance(raw.values[prompt], list):
            return (prompt,)
        asked = tuple(name for name in (prompt, context) if name is not None)
        if not asked and (chat := first_filled(self.chats, raw)) is not None:
            raise UserError(
                f"{raw.place}: `{chat}` holds {type(raw.values[chat]).__name__}, not turns: {raw.values[chat]!r:.60}",
                "Write turns as a list of {role, content}, or name the prompt with --prompt COLUMN.",
            )
        return asked


@dataclass(slots=True)
class Column:
    """In how many rows a column has a value, one that is not blank, a text, and a list with items."""

    values: int = 0
    filled: int = 0
    texts: int = 0
    lists: int = 0

    def add(self, value: object) -> None:
        """Count the value of one more row."""
        self.values += value is not None
        self.filled += _is_filled(value)
        self.texts += isinstance(value, str)
        self.lists += isinstance(value, list) and _is_filled(value)


@dataclass(slots=True)
class FileColumns:
    """The columns of all rows of a file in the order of their appearance. Memory grows with the columns only."""

    by_name: dict[str, Column] = field(default_factory=dict)
    rows: int = 0
    place: str = ""  # of the first row

    def add(self, raw: RawRow) -> None:
        """Count one more row."""
        self.rows += 1
        self.place = self.place or raw.place
        for name, value in raw.values.items():
            self.by_name.setdefault(name, Column()).add(value)

    def known(
        self, named_prompt: tuple[str, ...], *, with_answers: bool, with_systems: bool, with_names: bool
    ) -> Known:
        """The known columns, without those of a prompt that was named, and of the kinds that are asked for."""
        chats: tuple[str, ...] = ()
        prompts: tuple[str, ...] = ()
        contexts: tuple[str, ...] = ()
        if not named_prompt:
            chats = self._alternatives(CHATS, lambda column: column.lists)
        if not named_prompt and not (chats and self.by_name[chats[-1]].lists == self.rows):
            plain = [name for name in PROMPTS if name not in CONTEXTS]
            prompts = self._alternatives(plain, lambda column: column.texts + column.lists)
            prompts = prompts or self._alternatives(PROMPTS, lambda column: column.texts + column.lists)
        if prompts:
            others = [name for name in CONTEXTS if name not in prompts]
            contexts = self._alternatives(others, lambda column: column.texts)
        taken = named_prompt or prompts
        answers: tuple[str, ...] = ()
        if with_answers and taken and taken[0] not in CHATS:  # a chat's closing turn is the answer
            answers = self._alternatives([name for name in ANSWERS if name not in taken], lambda column: column.values)
        systems = [name for name in SYSTEMS if with_systems and name not in taken]
        return Known(
            chats, prompts, contexts, answers,
            systems=self._alternatives(systems, lambda column: column.values),
            names=self._alternatives(NAMES, lambda column: column.texts) if with_names and answers else (),
        )  # fmt: skip

    def _alternatives(self, names: Iterable[str], fits: Callable[[Column], int]) -> tuple[str, ...]:
        """The columns with fitting values in the order of `names`, up to the first that has a value in every row."""
        found = []
        for name in names:
            column = self.by_name.get(name)
            if column is not None and fits(column):
                found.append(name)
                if column.filled == self.rows:
                    break
        return tuple(found)


def first_filled(names: Iterable[str], raw: RawRow) -> str | None:
    """The first of the columns that has a value in this row; blank texts, empty lists and NaN are none."""
    return next((name for name in names if _is_filled(raw.values.get(name))), None)


def _is_filled(value: object) -> bool:
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value != [] and value == value
