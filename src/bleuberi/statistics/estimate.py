"""An estimate: a number with its interval and method."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate from `n` values in `n_clusters` clusters; `low` and `high` bound its confidence interval.

    With one cluster the spread between clusters is unknown, so the interval is infinite.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    method: str
