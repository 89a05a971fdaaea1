"""chrF and chrF++ in pure Python.

Performs the same operations in the same order as `native/chrf.h`, so both back ends give identical bits.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from bleuberi.rewards.several import of_references

CHARACTER_ORDERS, WORD_ORDERS = 6, 2
WORDS_TOO = 1  # a flag, numbered as in native/chrf.h

_PUNCTUATION = frozenset(string.punctuation)

Grams = list[Counter[Hashable]]


class Order(NamedTuple):
    """Counts of the n-grams of one order: in the response, in the reference, in both."""

    own: int
    other: int
    matched: int


def chrf_once(response: str, references: Iterable[str], flags: int = 0) -> float | None:
    """chrF of a response; blank references are ignored; None if none is left."""
    own = grams(response, flags)
    return of_references([chrf_value(orders(own, grams(text, flags))) for text in references if text.split()], flags)


def grams(text: str, flags: int = 0) -> Grams:
    """The n-grams of each order: characters without white space, then (with `WORDS_TOO`) words."""
    characters = "".join(text.split())
    found: Grams = [
        Counter(characters[start : start + order] for start in range(len(characters) - order + 1))
        for order in range(1, CHARACTER_ORDERS + 1)
    ]
    if flags & WORDS_TOO:
        words = split_words(text)
        found += [Counter(zip(*(words[n:] for n in range(order)), strict=False)) for order in range(1, WORD_ORDERS + 1)]
    return found


def split_words(text: str) -> list[str]:
    """The text's words; a punctuation mark at a word's end, or else at its start, is a separate word."""
    found = []
    for word in text.split():
        if len(word) == 1:
            found.append(word)
        elif word[-1] in _PUNCTUATION:
            found += [word[:-1], word[-1]]
        elif word[0] in _PUNCTUATION:
            found += [word[0], word[1:]]
        else:
            found.append(word)
    return found


def orders(own: Grams, other: Grams) -> list[Order]:
    """The counts per order."""
    return [Order(one.total(), two.total(), (one & two).total()) for one, two in zip(own, other, strict=True)]


def chrf_value(counted: Iterable[Order]) -> float:
    """F2 of the mean precision and the mean recall over the orders that both texts have; 0.0 without any."""
    precision = recall = 0.0
    count = 0
    for own, other, matched in counted:
        if own and other:
            precision += matched / own
            recall += matched / other
            count += 1
    if not count:
        return 0.0
    precision /= count
    recall /= count
    return 5 * precision * recall / (4 * precision + recall) if precision + recall > 0 else 0.0
