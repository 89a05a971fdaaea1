"""Combine the scores against several references: the best, or the mean."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.errors import UserError

MEAN_OF_REFERENCES = 64  # a flag, numbered as in native/scores.h


def reference_flags(references: str) -> int:
    """The flag of `best` or `mean`. Errors: `UserError` for anything else."""
    if references not in {"best", "mean"}:
        raise UserError(f"Invalid references={references!r}.", "Give best or mean.")
    return MEAN_OF_REFERENCES if references == "mean" else 0


def of_references(scores: Sequence[float], flags: int) -> float | None:
    """The best score, or the mean (summed in sorted order, so independent of input order); None without scores."""
    if not scores:
        return None
    if not flags & MEAN_OF_REFERENCES:
        return max(scores)
    total = 0.0
    for score in sorted(scores):  # sum() rounds differently from Python 3.12 on
        total += score
    return total / len(scores)
