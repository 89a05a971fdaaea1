"""chrF and chrF++ in pure Python.

The arithmetic is that of `native/chrf.h`, operation by operation, so that both back ends give equal bits.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from bleuberi.rewards.several import of_references

CHARACTER_ORDERS, WORD_ORDERS = 6, 2
WORDS_TOO = 1  # a flag; the number is that of native/chrf.h

_PUNCTUATION = frozenset(string.punctuation)

Grams = list[Counter[Hashable]]


class Order(NamedTuple):
    """The n-grams of one order: how many the response has, the reference has, and both have."""

    own: int
    other: int
    matched: int


def chrf_once(response: str, references: Iterable[str], flags: int = 0) -> float | None:
    """chrF of a response; blank references are left out, None if none is left."""
    own = grams(response, flags)
    return of_references([chrf_value(orders(own, grams(text, flags))) for text in references if text.split()], flags)


def grams(text: str, flags: int = 0) -> Grams:
    """The n-grams of each order: of the characters without white space, then (with `WORDS_TOO`) of the words."""
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
    """The text's words; a punctuation mark at a word's end stands alone, else one at its beginning."""
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
    """The counts of each order."""
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
