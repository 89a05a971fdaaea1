"""Explain a chrF score: the counts per order and reference, recomputed in pure Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bleuberi.rewards.chrf_python import CHARACTER_ORDERS, chrf_value, grams, orders
from bleuberi.rewards.several import of_references


@dataclass(frozen=True, slots=True)
class ChrfOrder:
    """Counts of the n-grams of one order."""

    unit: str  # characters | words
    order: int
    own: int  # in the response
    other: int  # in the reference
    matched: int
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class ChrfReference:
    """The score against one reference."""

    text: str
    orders: tuple[ChrfOrder, ...]
    score: float


@dataclass(frozen=True, slots=True)
class ChrfExplanation:
    """The parts of one response's chrF."""

    score: float | None
    references: tuple[ChrfReference, ...]


def explain_chrf(response: str, references: Sequence[str], flags: int = 0) -> ChrfExplanation:
    """Explain a chrF or chrF++ score. Blank references are ignored."""
    own = grams(response, flags)
    found = []
    for text in references:
        if text.split():
            counted = orders(own, grams(text, flags))
            rows = [
                ChrfOrder(
                    unit="characters" if place < CHARACTER_ORDERS else "words",
                    order=place % CHARACTER_ORDERS + 1,
                    own=one.own,
                    other=one.other,
                    matched=one.matched,
                    precision=one.matched / one.own if one.own else 0.0,
                    recall=one.matched / one.other if one.other else 0.0,
                )
                for place, one in enumerate(counted)
            ]
            found.append(ChrfReference(text, tuple(rows), chrf_value(counted)))
    return ChrfExplanation(of_references([one.score for one in found], flags), tuple(found))
