"""Decide exactly which facts a response mentions: `facts_mentioned(facts, response)`.

A fact is mentioned if an accepted form of its value occurs in the response as one phrase. Case, accents, hyphens,
apostrophes and Markdown do not matter; word boundaries do, and a phrase does not cross punctuation. A fact is not
mentioned if the form is negated ("not cheap"), or if the response also mentions another value of the slot, so that
listing every value earns nothing. The longest form wins: "inexpensive food" is not a mention of "expensive".

Limits: the checker does not parse. It does not see which thing a phrase describes ("near a cheap pub"), nor a negation
after the phrase or more than three words before it. A repeated prompt line ("day: Monday") counts as a mention, so
compare shares with those of an echo of the prompt. Slots and values outside the vocabularies (names) match verbatim,
and other slots do not look inside them ("Café Brazil" is not a cafe).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi.data.facts_e2e import E2E_FORMS, E2E_OPPOSITES
from bleuberi.data.facts_slots import SLOTS

FACTS: Final = "x_facts"
"""The column with a row's facts, `{slot: value}`."""
_BREAK: Final = "|"
_REPLACED: Final = (
    (re.compile(r"n['’]t\b"), " not"),
    (re.compile(r"\b([ap])\.\s?m\b\.?"), r"\1m"),
    (re.compile(r"%|\bper cent\b"), " percent "),
    (re.compile(r"°"), " degrees "),
)
_TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+|[£$€]|[.,;:!?()\[\]\n|]")
_NEGATORS: Final = {"not": 3, "never": 3, "cannot": 3, "without": 2, "no": 1, "non": 1}
"""A negating word -> how many words before a phrase it may stand."""
_NO_NEGATION: Final = frozenset({"far", "only", "just"})  # after "not"
_CLAUSE_ENDS: Final = frozenset({_BREAK, "and", "but"})
_OPPOSITES: Final = {name for name, slot in SLOTS.items() if slot.opposites} | E2E_OPPOSITES


def facts_mentioned(facts: Mapping[str, str], response: str) -> dict[str, bool]:
    """Slot -> whether the response mentions the fact `{slot: value}`, for each of `facts` (a row's `x_facts`)."""
    text = normalized(response)
    names = [_name(value) for slot, value in facts.items() if not _patterns(slot) and _name(value)]
    without_names = re.sub(_whole("|".join(names)), _BREAK, text) if names else text
    return {
        slot: _says(slot, value, without_names) if value in _patterns(slot) else _says_name(value, text)
        for slot, value in facts.items()
    }


def share_mentioned(facts: Mapping[str, str], response: str) -> float | None:
    """The share of the facts that the response mentions, 0 to 1; None without facts."""
    found = facts_mentioned(facts, response)
    return sum(found.values()) / len(found) if found else None


def facts_in(values: Mapping[str, Any]) -> dict[str, str]:
    """The facts of a pool's row, from its columns by name; empty if it has none."""
    facts = values.get(FACTS)
    return (
        {str(slot): str(value) for slot, value in facts.items() if value is not None}
        if isinstance(facts, Mapping)
        else {}
    )


def normalized(text: str) -> str:
    """The text's words in lower case with single spaces; punctuation becomes `|`."""
    text = unicodedata.normalize("NFKD", text.lower())
    text = "".join(char for char in text if not unicodedata.combining(char))
    for pattern, by in _REPLACED:
        text = pattern.sub(by, text)
    tokens = _TOKEN.findall(text)
    return " ".join(token if token[0].isalnum() or token in "£$€" else _BREAK for token in tokens)


def _says(slot: str, value: str, text: str) -> bool:
    said = _values_said(slot, _patterns(slot), text)
    return bool(said) and all(value in values for values in said)


def _says_name(name: str, text: str) -> bool:
    return bool(_name(name)) and re.search(_whole(_name(name)), text) is not None


def _values_said(slot: str, patterns: Mapping[str, re.Pattern[str]], text: str) -> list[set[str]]:
    """Per phrase of the text that names a value of the slot: the values it can stand for."""
    spans: dict[tuple[int, int], set[str]] = {}
    for value, pattern in patterns.items():
        for match in pattern.finditer(text):
            spans.setdefault(match.span(), set()).add(value)
    said: list[set[str]] = []
    taken: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span)):
        if any(start < until and begin < end for begin, until in taken):
            continue
        taken.append((start, end))
        values = spans[start, end]
        if _negated(text[:start].split()):
            if slot not in _OPPOSITES:
                continue
            values = patterns.keys() - values
        said.append(values)
    return said


def _negated(before: Sequence[str]) -> bool:
    """Whether the words before a phrase negate it."""
    following = ""
    for distance, word in enumerate(reversed(before[-3:]), start=1):
        if word in _CLAUSE_ENDS:
            return False
        if distance <= _NEGATORS.get(word, 0):
            return following not in _NO_NEGATION
        following = word
    return False


@functools.cache
def _patterns(slot: str) -> dict[str, re.Pattern[str]]:
    """Value -> what its accepted forms match in normalized text; empty for an open slot."""
    if slot in E2E_FORMS:
        return {value: re.compile(_whole("|".join(forms))) for value, forms in E2E_FORMS[slot].items()}
    if slot not in SLOTS:
        return {}
    forms = {value.key: sorted(map(_name, value.forms), key=len, reverse=True) for value in SLOTS[slot].values}
    return {key: re.compile(_whole("|".join(names))) for key, names in forms.items()}


def _name(words: str) -> str:
    """A pattern for these words in normalized text, or an empty text."""
    return re.escape(normalized(words).strip(" |"))


def _whole(pattern: str) -> str:
    return rf"(?<!\S)(?:{pattern})(?!\S)"
