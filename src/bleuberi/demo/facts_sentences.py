"""Sentences of the generated pool: a domain's pattern filled with wordings of the facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from bleuberi.data.facts_grammar import Wording
from bleuberi.data.facts_slots import SLOTS
from bleuberi.demo.facts_domains import CLOSERS, Domain

_GROUP: Final = re.compile(r"\[(\w+)(!?)\]")
_OPTIONAL: Final = re.compile(r"\(([^()]*\[[^()]*\])\)")
_ARTICLE: Final = re.compile(r"\b([Aa])\(n\) (?=(\w))")
_MOST: Final = {"lead": 1, "pre": 2, "adj": 1}  # most wordings per group; other groups have no limit
_LISTS: Final = ("verb", "with")  # joined by commas and "and"
_TRIES: Final = 50  # per pattern


@dataclass(frozen=True, slots=True)
class Words:
    """The words that references may use."""

    wordings: int  # different wordings of a fact
    overlap: str
    length: str
    shown: Mapping[str, str]  # slot -> what the prompt shows


@dataclass(frozen=True, slots=True)
class _Plan:
    """A pattern and the kind of wording per fact, in order. Several references may share a plan."""

    pattern: str
    kinds: Sequence[tuple[str, str]]  # (slot, kind)


def sentences(
    domain: Domain, facts: Mapping[str, str], words: Words, count: int, patterns: int, draw: Random
) -> list[str]:
    """`count` sentences that each mention all facts, with at most `patterns` different patterns in turn."""
    plans: list[_Plan] = []
    for _ in range(min(patterns, count)):
        order = draw.sample(domain.patterns, len(domain.patterns))
        order.sort(key=[plan.pattern for plan in plans].count)  # unused ones first
        plans.append(_plan(domain, facts, words, order, draw))
    return [_sentence(domain, facts, words, plans[n % len(plans)], draw) for n in range(count)]


def _plan(domain: Domain, facts: Mapping[str, str], words: Words, patterns: Sequence[str], draw: Random) -> _Plan:
    """The first pattern that fits the facts, with a plan; prefers one that reads well."""
    free = [slot for slot in facts if slot in domain.optional]
    possible: _Plan | None = None
    for pattern in patterns:
        groups = {kind: bool(needed) for kind, needed in _GROUP.findall(pattern)}
        for _ in range(_TRIES):
            kinds = [(slot, _draw_kind(slot, facts, groups, draw)) for slot in draw.sample(free, len(free))]
            used = [kind for _, kind in kinds]
            if (
                "" not in used
                and all(kind in used for kind, needed in groups.items() if needed)
                and all(used.count(kind) <= most for kind, most in _MOST.items())
            ):
                if _reads_well(kinds, facts, words):
                    return _Plan(pattern, kinds)
                possible = possible or _Plan(pattern, kinds)
    if possible is None:
        raise AssertionError(f"no pattern of {domain.name} takes {sorted(facts)}")
    return possible


def _reads_well(kinds: Sequence[tuple[str, str]], facts: Mapping[str, str], words: Words) -> bool:
    """Whether phrases after the noun can start with different words (not "with 4 stars with low prices")."""
    begins = [
        {template.split()[0] for template in _templates(slot, facts[slot], kind, words)}
        for slot, kind in kinds
        if kind == "post"
    ]
    single = [word for words_of_slot in begins for word in words_of_slot if len(words_of_slot) == 1]
    return len(set(single)) == len(single)


def _draw_kind(slot: str, facts: Mapping[str, str], groups: Mapping[str, bool], draw: Random) -> str:
    kinds = sorted({kind for said in _wordings(slot, facts[slot]) for kind in said.kinds if kind in groups})
    return draw.choice(kinds) if kinds else ""


def _wordings(slot: str, key: str) -> tuple[Wording, ...]:
    value = SLOTS[slot].value(key)
    return value.wordings if value.own_only else SLOTS[slot].wordings


def _templates(slot: str, key: str, kind: str, words: Words) -> list[str]:
    """The enabled wordings of the kind."""
    fitting = [wording.template for wording in _wordings(slot, key) if kind in wording.kinds]
    if words.length != "normal":
        fitting.sort(key=len, reverse=words.length == "wordy")
    return fitting[: words.wordings]


def _sentence(domain: Domain, facts: Mapping[str, str], words: Words, plan: _Plan, draw: Random) -> str:
    said: dict[str, list[str]] = {}
    for slot, kind in plan.kinds:
        before = said.setdefault(kind, [])
        before.append(_say(slot, facts[slot], kind, words, {text.split()[0] for text in before}, draw))
    text = _OPTIONAL.sub(lambda part: part[1] if _GROUP.search(part[1])[1] in said else "", plan.pattern)  # type: ignore[index]
    text = _GROUP.sub(lambda group: _join(said.get(group[1], []), group[1]), text)
    text = text.format(**{slot: _core(slot, facts[slot], words, draw) for slot in domain.core})
    text = re.sub(r"\s+(?=[,.])", "", re.sub(r"\s+", " ", text)).strip()
    text = _ARTICLE.sub(lambda found: f"{found[1]}{'n' if found[2] in 'aeiouAEIOU8' else ''} ", text)
    if words.length == "wordy":
        text = text[:-1] + draw.choice(CLOSERS) + "."
    return text[0].upper() + text[1:]


def _say(slot: str, key: str, kind: str, words: Words, begun: set[str], draw: Random) -> str:
    """Word the fact in the given kind, if possible with a first word that is new to the group."""
    fitting = _templates(slot, key, kind, words)
    template = draw.choice([text for text in fitting if text.split()[0] not in begun] or fitting)
    return template.format(_core(slot, key, words, draw))


def _core(slot: str, key: str, words: Words, draw: Random) -> str:
    """The value's own words, e.g. "7 pm"."""
    if slot not in SLOTS:
        return key
    names = SLOTS[slot].value(key).words
    if words.overlap == "verbatim":
        return names[0]
    if words.overlap == "paraphrase":
        names = tuple(name for name in names if name != words.shown[slot]) or names
    return draw.choice(names[: words.wordings])


def _join(texts: Sequence[str], kind: str) -> str:
    if kind not in _LISTS or len(texts) < 2:
        return " ".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
