"""One score of several references: the best one, or the mean."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.errors import UserError

MEAN_OF_REFERENCES = 64  # a flag; the number is that of native/scores.h


def reference_flags(references: str) -> int:
    """The flag of `best` or `mean`. Errors: `UserError` for anything else."""
    if references not in {"best", "mean"}:
        raise UserError(f"references is {references!r}.", "Give best or mean.")
    return MEAN_OF_REFERENCES if references == "mean" else 0


def of_references(scores: Sequence[float], flags: int) -> float | None:
    """The best score, or the mean in an order that does not depend on that of the references; None without scores."""
    if not scores:
        return None
    if not flags & MEAN_OF_REFERENCES:
        return max(scores)
    total = 0.0
    for score in sorted(scores):  # sum() rounds differently from Python 3.12 on, and than the compiled back end
        total += score
    return total / len(scores)
