"""The base's answers at a trained model's lengths: is a gain more than length? Knows texts; scores nothing.

A model that writes shorter can gain BLEU by shortness alone. The base's answer to each prompt is cut to as many words
as the trained model's answer to it; where the base wrote fewer, it stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"\S+")


def cut_to_words(text: str, words: int) -> str:
    """The text up to the end of its word of that number, spaces kept; the whole text where it has no more words."""
    if words <= 0:
        return ""
    for count, match in enumerate(_WORD.finditer(text), 1):
        if count == words:
            return text[: match.end()]
    return text


def cut_like(
    base: Sequence[str],  # N
    other: Sequence[str],  # N
) -> list[str]:  # N
    """The base's answers, each cut to the word count of the other's."""
    return [cut_to_words(text, len(_WORD.findall(like))) for text, like in zip(base, other, strict=True)]


def shortened_share(base: Sequence[str], cut: Sequence[str]) -> float:
    """The share of answers that lost words."""
    lost = sum(len(_WORD.findall(left)) > len(_WORD.findall(right)) for left, right in zip(base, cut, strict=True))
    return lost / len(base) if base else 0.0
