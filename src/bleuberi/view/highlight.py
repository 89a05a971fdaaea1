"""Which pieces of a text matched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.plain_text import plain
from bleuberi.rewards.explanation import matched_depths
from bleuberi.rewards.tokens import tokenize_13a

Parts = list[tuple[str, int]]
MOST_CHARACTERS: Final = 4000  # of one text on the page


def unmarked(text: str) -> Parts:
    """A text without marks, cut to what the page carries."""
    return _cut([(plain(text), 0)])


def marked(text: str, others: Sequence[str]) -> Parts:
    """The text in pieces, each with the longest n-gram (up to 4) that it shares with the others, as BLEU counts.

    An n-gram is marked as often as its largest count in one of the others allows, from left to right.
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
    """Neighbours of one depth as one piece, as plain text."""
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
