"""The number of clusters needed to detect a difference.

The standard error of a clustered mean falls with the square root of the number of clusters. The numbers hold only if
the true difference is as large as the one given: they are for planning and are not a finding.
"""

from __future__ import annotations

import math
from statistics import NormalDist


def clusters_needed(
    difference: float,
    standard_error: float,
    n_clusters: int,
    *,
    confidence: float = 0.95,
    power: float = 0.8,
) -> int | None:
    """The clusters needed to detect a true `difference` with this power; None if the difference is 0.

    `standard_error` was observed with `n_clusters` clusters.
    """
    if n_clusters < 2 or standard_error < 0.0:
        raise ValueError("planning needs at least two clusters and a standard error of at least 0")
    if abs(difference) < 1e-12:
        return None
    ratio = standard_error * _quantiles(confidence, power) / abs(difference)
    return max(2, math.ceil(n_clusters * ratio * ratio))


def clusters_needed_range(
    difference: float,
    standard_error: float,
    n_clusters: int,
    *,
    confidence: float = 0.95,
    power: float = 0.8,
) -> tuple[int | None, int | None]:
    """`clusters_needed` for true differences one standard error larger and one smaller than observed.

    The second is None if that difference is 0 or changes sign: then no number of clusters is certainly enough.
    """
    size = abs(difference)
    least = clusters_needed(size + standard_error, standard_error, n_clusters, confidence=confidence, power=power)
    if size <= standard_error:
        return least, None
    most = clusters_needed(size - standard_error, standard_error, n_clusters, confidence=confidence, power=power)
    return least, most


def detectable_difference(standard_error: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference detectable with this standard error and power."""
    return standard_error * _quantiles(confidence, power)


def power_of(difference: float, standard_error: float, *, confidence: float = 0.95) -> float:
    """The chance of detecting a true `difference` with this standard error (two-sided)."""
    normal = NormalDist()
    if standard_error <= 0.0:
        return 1.0 if difference else 1.0 - confidence
    shift, bound = abs(difference) / standard_error, normal.inv_cdf(0.5 + confidence / 2.0)
    return normal.cdf(shift - bound) + normal.cdf(-shift - bound)


def _quantiles(confidence: float, power: float) -> float:
    if not (0.0 < confidence < 1.0 and 0.0 < power < 1.0):
        raise ValueError("confidence and power must be between 0 and 1")
    normal = NormalDist()
    return normal.inv_cdf(0.5 + confidence / 2.0) + normal.inv_cdf(power)
