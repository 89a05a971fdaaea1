"""Explain a METEOR score: the alignment with each reference, recomputed in pure Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bleuberi.rewards.meteor_python import Match, align, chunks_of, fragmentation_penalty, meteor_value
from bleuberi.rewards.several import of_references
from bleuberi.rewards.tokens import tokenize_13a


@dataclass(frozen=True, slots=True)
class MeteorReference:
    """The alignment with one reference and the resulting numbers."""

    text: str
    tokens: tuple[str, ...]
    matches: tuple[Match, ...]  # in the response's order
    chunks: int  # runs of matches that are adjacent in both texts
    precision: float
    recall: float
    penalty: float  # share deducted for scattered matches, 0..0.5
    score: float


@dataclass(frozen=True, slots=True)
class MeteorExplanation:
    """The parts of one response's METEOR."""

    score: float | None
    tokens: tuple[str, ...]
    references: tuple[MeteorReference, ...]


def explain_meteor(response: str, references: Sequence[str], flags: int = 0) -> MeteorExplanation:
    """Explain a METEOR score; pass the texts as prepared by the reward. References without tokens are ignored."""
    tokens = tokenize_13a(response)
    found = [_reference(text, tokens, own) for text in references if (own := tokenize_13a(text))]
    return MeteorExplanation(of_references([one.score for one in found], flags), tuple(tokens), tuple(found))


def _reference(text: str, tokens: Sequence[str], own: Sequence[str]) -> MeteorReference:
    matches = align(tokens, own)
    count, chunks = len(matches), chunks_of(matches)
    return MeteorReference(
        text=text,
        tokens=tuple(own),
        matches=tuple(matches),
        chunks=chunks,
        precision=count / len(tokens) if tokens else 0.0,
        recall=count / len(own),
        penalty=fragmentation_penalty(count, chunks) if count else 0.0,
        score=meteor_value(count, chunks, len(tokens), len(own)),
    )
