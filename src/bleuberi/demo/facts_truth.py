"""Which facts a response mentions, decided exactly: `facts_mentioned(facts, response)`.

A fact is mentioned if an accepted form of its value stands in the response as one phrase. Case, accents, hyphens,
apostrophes and Markdown do not matter; word boundaries do, and a phrase does not cross punctuation. A fact is not
mentioned if the form is negated ("not cheap"), or if the response also mentions another value of the slot, so that
listing every value earns nothing. The longest form wins: "inexpensive food" is not a mention of "expensive".

Limits: the checker does not parse. It does not see which thing a phrase describes ("near a cheap pub"), nor a negation
more than three words before the phrase or behind it. A repeated prompt line ("day: Monday") counts as a mention, so
compare shares with those of an echo of the prompt. Slots and values outside the vocabularies (names) match verbatim.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bleuberi.demo.facts_e2e import E2E_FORMS, E2E_OPPOSITES
from bleuberi.demo.facts_slots import SLOTS

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
    return {slot: _mentions(slot, value, text) for slot, value in facts.items()}


def share_mentioned(facts: Mapping[str, str], response: str) -> float | None:
    """The share of the facts that the response mentions, 0 to 1; None without facts."""
    found = facts_mentioned(facts, response)
    return sum(found.values()) / len(found) if found else None


def shares_mentioned(rows: Iterable[Mapping[str, object]], responses: Mapping[str, str]) -> dict[str, float]:
    """Row id -> share of its facts that its response mentions, for a pool's raw rows (`id`, `x_facts`).

    A row without facts or without a response is left out.
    """
    shares = {}
    for row in rows:
        facts, row_id = row.get("x_facts"), str(row.get("id"))
        if isinstance(facts, Mapping) and row_id in responses:
            share = share_mentioned(facts, responses[row_id])
            if share is not None:
                shares[row_id] = share
    return shares


def normalized(text: str) -> str:
    """The text's words in lower case with single spaces; punctuation becomes `|`."""
    text = unicodedata.normalize("NFKD", text.lower())
    text = "".join(char for char in text if not unicodedata.combining(char))
    for pattern, by in _REPLACED:
        text = pattern.sub(by, text)
    tokens = _TOKEN.findall(text)
    return " ".join(token if token[0].isalnum() or token in "£$€" else _BREAK for token in tokens)


def _mentions(slot: str, value: str, text: str) -> bool:
    patterns = _patterns(slot)
    if value not in patterns:
        name = _literal(value)
        return bool(name) and re.search(_whole(name), text) is not None
    said = _values_said(slot, patterns, text)
    return bool(said) and all(value in values for values in said)


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
    forms = {value.key: sorted(map(_literal, value.forms), key=len, reverse=True) for value in SLOTS[slot].values}
    return {key: re.compile(_whole("|".join(literals))) for key, literals in forms.items()}


def _literal(form: str) -> str:
    """A pattern for the form as it reads in normalized text."""
    return re.escape(normalized(form).strip(" |"))


def _whole(pattern: str) -> str:
    return rf"(?<!\S)(?:{pattern})(?!\S)"
