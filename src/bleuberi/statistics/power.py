"""How many clusters a question needs.

The standard error of a clustered mean falls with the square root of the number of clusters. What is planned here
holds if the true difference is as large as the one given: a plan, not a finding.
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
    """Clusters at which a true `difference` is told from 0 with this power; None where the difference is 0.

    `standard_error` is the one seen with `n_clusters` clusters.
    """
    if n_clusters < 2 or standard_error < 0.0:
        raise ValueError("a plan needs two clusters or more and a standard error of 0 or more")
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
    """`clusters_needed` if the true difference is one standard error larger, and if it is one smaller, than seen.

    The second is None if that difference is 0 or has the other sign: no number of clusters is sure to be enough then.
    """
    size = abs(difference)
    least = clusters_needed(size + standard_error, standard_error, n_clusters, confidence=confidence, power=power)
    if size <= standard_error:
        return least, None
    most = clusters_needed(size - standard_error, standard_error, n_clusters, confidence=confidence, power=power)
    return least, most


def detectable_difference(standard_error: float, *, confidence: float = 0.95, power: float = 0.8) -> float:
    """The smallest true difference that data with this standard error would show with this power."""
    return standard_error * _quantiles(confidence, power)


def power_of(difference: float, standard_error: float, *, confidence: float = 0.95) -> float:
    """The chance that data with this standard error tell a true `difference` from 0 (two-sided)."""
    normal = NormalDist()
    if standard_error <= 0.0:
        return 1.0 if difference else 1.0 - confidence
    shift, bound = abs(difference) / standard_error, normal.inv_cdf(0.5 + confidence / 2.0)
    return normal.cdf(shift - bound) + normal.cdf(-shift - bound)


def _quantiles(confidence: float, power: float) -> float:
    if not (0.0 < confidence < 1.0 and 0.0 < power < 1.0):
        raise ValueError("confidence and power must lie between 0 and 1")
    normal = NormalDist()
    return normal.inv_cdf(0.5 + confidence / 2.0) + normal.inv_cdf(power)
