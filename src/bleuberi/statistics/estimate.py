"""A number with its interval and how both were made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate from `n` values in `n_clusters` clusters; `low` and `high` bound its confidence interval.

    With one cluster nothing is known of the spread between clusters: the interval is then the whole line.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    method: str
