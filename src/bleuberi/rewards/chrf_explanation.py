"""Why a response got its chrF: the counts of each order against each reference, recomputed by the pure Python core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bleuberi.rewards.chrf_python import CHARACTER_ORDERS, chrf_value, grams, orders
from bleuberi.rewards.several import of_references


@dataclass(frozen=True, slots=True)
class ChrfOrder:
    """The n-grams of one order."""

    unit: str  # characters | words
    order: int
    own: int  # the response's
    other: int  # the reference's
    matched: int
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class ChrfReference:
    """What one reference gave."""

    text: str
    orders: tuple[ChrfOrder, ...]
    score: float


@dataclass(frozen=True, slots=True)
class ChrfExplanation:
    """One response's chrF, taken apart."""

    score: float | None
    references: tuple[ChrfReference, ...]


def explain_chrf(response: str, references: Sequence[str], flags: int = 0) -> ChrfExplanation:
    """Take a chrF or chrF++ score apart. Blank references are left out."""
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
