"""Mark the pieces of a text that matched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.plain_text import plain
from bleuberi.rewards.explanation import matched_depths
from bleuberi.rewards.tokens import tokenize_13a

Parts = list[tuple[str, int]]
MOST_CHARACTERS: Final = 4000  # of one text on the page


def unmarked(text: str) -> Parts:
    """A text without marks, cut to the page's limit."""
    return _cut([(plain(text), 0)])


def marked(text: str, others: Sequence[str]) -> Parts:
    """The text in pieces, each with the length (up to 4) of the longest n-gram that it shares with the others, as BLEU
    counts.

    An n-gram is marked at most as often as it occurs in any one of the others, from left to right.
    """
    tokens = tokenize_13a(text)
    depths = matched_depths(tokens, [tokenize_13a(other) for other in others])
    pieces: Parts = []
    place = 0
    for token, depth in zip(tokens, depths, strict=True):
        at = text.find(token, place)
        if at < 0:
            continue  # the tokeniser rewrote it: an entity, or a word joined over a line break
        between = depth if pieces and pieces[-1][1] == depth and at - place <= 1 else 0
        if at > place:
            pieces.append((text[place:at], between))
        pieces.append((token, depth))
        place = at + len(token)
    if place < len(text):
        pieces.append((text[place:], 0))
    return _cut(_joined(pieces))


def _joined(pieces: Parts) -> Parts:
    """Join neighbouring pieces of equal depth, as plain text."""
    joined: Parts = []
    run: list[str] = []
    for place, (text, depth) in enumerate(pieces):
        run.append(text)
        if place + 1 == len(pieces) or pieces[place + 1][1] != depth:
            joined.append((plain("".join(run)), depth))
            run = []
    return joined


def _cut(pieces: Parts) -> Parts:
    left = MOST_CHARACTERS
    kept: Parts = []
    for text, depth in pieces:
        if len(text) > left:
            kept += [(text[:left], depth), (" … [the rest is not on this page]", 0)]
            break
        kept.append((text, depth))
        left -= len(text)
    return kept
