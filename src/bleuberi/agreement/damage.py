"""Plant damage in a good text: a useful reward scores the damaged text lower.

Some kinds keep nearly all words (shuffled, numbers, negation) or drop some (dropped); `other` answers another prompt.
Three kinds are exploits a policy may learn: repeating itself, copying the prompt, and only echoing the prompt.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Final

from bleuberi.rewards.baselines import last_words

KINDS: Final = {
    "dropped": "half of its sentences are removed",
    "shuffled": "its sentences are in a different order",
    "numbers": "each of its numbers is changed",
    "negation": "the first auxiliary verb of each sentence gains or loses a `not` (English)",
    "other": "it answers another prompt, at about the same length",
    "repeated": "all of it is repeated",
    "copied": "the prompt is copied before it",
    "echo": "it is replaced by as many last words of the prompt",
}

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_NUMBER: Final = re.compile(r"\d+")
_AUXILIARY: Final = re.compile(
    r"\b(is|are|was|were|can|could|will|would|should|may|might|must|has|have|had|does|do|did)\b( not\b)?", re.IGNORECASE
)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without white space around them."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]


def damaged(text: str, prompt: str, other: str | None, generator: random.Random) -> dict[str, str]:
    """The damaged texts by kind, all different from `text`; impossible kinds are omitted."""
    found = {
        "dropped": dropped(text, generator),
        "shuffled": shuffled(text, generator),
        "numbers": wrong_numbers(text, generator),
        "negation": negated(text),
        "other": other,
        "repeated": f"{text}\n{text}",
        "copied": f"{prompt}\n{text}" if prompt.strip() else None,
        "echo": last_words(prompt, len(text.split())) or None,
    }
    return {kind: made for kind, made in found.items() if made is not None and made.split() != text.split()}


def dropped(text: str, generator: random.Random) -> str | None:
    """The text without half of its sentences, chosen at random; None if it has only one."""
    parts = sentences(text)
    if len(parts) < 2:
        return None
    kept = set(generator.sample(range(len(parts)), len(parts) - len(parts) // 2))
    return " ".join(part for place, part in enumerate(parts) if place in kept)


def shuffled(text: str, generator: random.Random) -> str | None:
    """The sentences in another order; None if there are fewer than two different ones."""
    parts = sentences(text)
    if len(set(parts)) < 2:
        return None
    order = parts
    while order == parts:
        order = generator.sample(parts, len(parts))
    return " ".join(order)


def wrong_numbers(text: str, generator: random.Random) -> str | None:
    """The text with different digits in each number (same count); None without numbers."""

    def other(match: re.Match[str]) -> str:
        first, rest = match[0][0], match[0][1:]
        changed = generator.choice([digit for digit in "123456789" if digit != first])
        return changed + "".join(str((int(digit) + generator.randint(1, 9)) % 10) for digit in rest)

    return _NUMBER.sub(other, text) if _NUMBER.search(text) else None


def negated(text: str) -> str | None:
    """Add or remove `not` after the first auxiliary verb of each sentence; None without such a verb."""
    changed = _SENTENCE_END.split(text)
    gaps = _SENTENCE_END.findall(text)
    turned = [_AUXILIARY.sub(_turn, part or "", count=1) for part in changed]
    if turned == changed:
        return None
    return "".join(part + gap for part, gap in zip(turned, [*gaps, ""], strict=True))


def _turn(match: re.Match[str]) -> str:
    return match[1] if match[2] else f"{match[1]} not"


def nearest_other(texts: Sequence[str]) -> list[str | None]:  # N, one of each prompt -> N
    """For each text, another one of similar length in words; None if there is no other."""
    if len(texts) < 2:
        return [None] * len(texts)
    order = sorted(range(len(texts)), key=lambda place: (len(texts[place].split()), place))
    other: list[str | None] = [None] * len(texts)
    for rank, place in enumerate(order):
        other[place] = texts[order[rank + 1 if rank + 1 < len(order) else rank - 1]]
    return other
