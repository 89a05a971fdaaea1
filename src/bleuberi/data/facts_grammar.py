"""Slots of the generated pool: how values are named, and the wordings that contain them.

A `Slot` has a closed set of values. Each value has a key (stored in `x_facts`), words that a writer may use for it, and
further forms that the checker accepts. A wording is `KINDS: TEMPLATE`; its kind says at which position of a sentence it
can stand: `pre` before the noun, `post` after it, `verb` as a predicate, `lead` in front of the sentence, `with` after
"with". The slots are in `facts_slots.py`, the domains that use them in `facts_domains.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

_NUMBER_WORDS: Final = {
    1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
    12: "twelve", 15: "fifteen", 18: "eighteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty",
    80: "eighty", 90: "ninety",
}  # fmt: skip
_MINUTE_WORDS: Final = {0: "{} o'clock", 15: "quarter past {}", 30: "half past {}"}


class Wording(NamedTuple):
    """One way to state a fact: its possible positions in a sentence, and the text with `{}` for the value."""

    kinds: tuple[str, ...]
    template: str


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a slot. `words[0]` is what a prompt shows if it does not show the key."""

    key: str
    words: tuple[str, ...]  # interchangeable in the slot's wordings
    accepted: tuple[str, ...] = ()  # further forms that count as a mention
    wordings: tuple[Wording, ...] = ()  # of this value alone; each contains one of its forms
    own_only: bool = False  # the slot's wordings do not fit this value

    @property
    def forms(self) -> tuple[str, ...]:
        """All surface forms that count as a mention of the value."""
        return self.accepted if self.own_only else (*self.words, *self.accepted)


@dataclass(frozen=True, slots=True)
class Slot:
    """A kind of fact. With `opposites` there are two values, and the negation of one is a mention of the other."""

    name: str
    values: tuple[Value, ...]
    wordings: tuple[Wording, ...] = ()
    opposites: bool = False

    def value(self, key: str) -> Value:
        """The value with this key. Errors: `KeyError`."""
        for value in self.values:
            if value.key == key:
                return value
        raise KeyError(key)


def wordings(*texts: str) -> tuple[Wording, ...]:
    """Wordings written as `post/lead: on {}`."""
    split = (text.split(": ", 1) for text in texts)
    return tuple(Wording(tuple(kinds.split("/")), template) for kinds, template in split)


def plain(*rows: str) -> tuple[Value, ...]:
    """Values written as `words / other words + accepted / accepted`; the first words are the key."""
    values = []
    for row in rows:
        words, _, accepted = row.partition(" + ")
        names = tuple(words.split(" / "))
        values.append(Value(names[0], names, tuple(accepted.split(" / ")) if accepted else ()))
    return tuple(values)


def flag(key: str, shown: str, said: Sequence[str], accepted: str) -> Value:
    """A value that only its own wordings can express, e.g. `yes`."""
    return Value(key, (shown,), tuple(accepted.split(" / ")), wordings(*said), own_only=True)


def amounts(numbers: Sequence[int], *units: str, accepted: Sequence[str] = ()) -> tuple[Value, ...]:
    """Numbers with units such as `{} pounds`: the key is the bare number, the words are digits or a number word."""
    values = []
    for number in numbers:
        spelt = [form.format(_NUMBER_WORDS[number]) for form in (*units, *accepted) if form.startswith("{} ")]
        words = [*(unit.format(number) for unit in units), spelt[0]]
        values.append(Value(str(number), tuple(words), (*(form.format(number) for form in accepted), *spelt[1:])))
    return tuple(values)


def times(*clock: tuple[int, int]) -> tuple[Value, ...]:
    """Times of day as (hour, minute) of the 24-hour clock, which is the key, e.g. `19:30` for "7:30 pm"."""
    values = []
    for hour, minute in clock:
        half, twelve = ("am", hour) if hour < 12 else ("pm", hour - 12 or 12)
        name = f"{twelve}:{minute:02d} {half}" if minute else f"{twelve} {half}"
        spoken = _MINUTE_WORDS.get(minute, "")
        words = [name, *([spoken.format(_NUMBER_WORDS[twelve])] if spoken else [])]
        dotted = f"{twelve}.{minute:02d}" if minute else f"{twelve}.00 {half}"  # 3.00 alone could be a price
        forms = [f"{twelve}:{minute:02d}", dotted, f"{hour}:{minute:02d}", f"{hour:02d}:{minute:02d}"]
        if spoken:
            forms += [spoken.format(twelve), f"{_NUMBER_WORDS[twelve]} {half}"][: 1 if minute else 2]
        values.append(Value(f"{hour}:{minute:02d}", tuple(words), tuple(dict.fromkeys(forms))))
    return tuple(values)


def pounds(*numbers: int) -> tuple[Value, ...]:
    """Prices: the key is the bare number."""
    return amounts(numbers, "{} pounds", "£{}", accepted=("{} pound", "£{}.00", "{} quid"))
