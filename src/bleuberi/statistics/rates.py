"""Shares of clustered values between 0 and 1, and their paired differences. Intervals never have zero width.

The interval is Wilson's (1927), computed with the effective number of independent values (Korn and Graubard 1998) and
a t quantile for the clusters. In simulations with 30 to 200 clusters it covers the truth in 94 to 98 % of samples, also
at shares near 1, where a bootstrap of 30 clusters covers only 56 %. (30 of 30 gives 88 to 100 %.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bleuberi.statistics.bootstrap import cluster_codes
from bleuberi.statistics.estimate import Estimate

FloatArray = NDArray[np.float64]

FEW_DISCORDANT = 10  # clusters in which two paired shares differ; with fewer, resampling varies too little


def rate_estimate(
    values: ArrayLike,  # N in [0, 1]; NaN = missing
    clusters: Sequence[object] | None = None,  # N
    confidence: float = 0.95,
) -> Estimate:
    """The mean of the values. With one cluster the spread is unknown and the interval is infinite."""
    given = np.asarray(values, dtype=np.float64)
    there = np.isfinite(given)
    kept = given[there]
    if not len(kept) or kept.min() < 0.0 or kept.max() > 1.0:
        raise ValueError("a share needs at least one value, all between 0 and 1")
    labels = None if clusters is None else [label for label, inside in zip(clusters, there, strict=True) if inside]
    codes, n_clusters = cluster_codes(labels, len(kept))
    rate = float(kept.mean())
    method = f"share; Wilson's interval on the effective number of values, clusters resolved, {confidence:.0%}"
    if n_clusters < 2:
        return Estimate(rate, -math.inf, math.inf, len(kept), n_clusters, method)
    off = np.bincount(codes, kept - rate, minlength=n_clusters) / len(kept)
    variance = n_clusters / (n_clusters - 1.0) * float(np.square(off).sum())
    low, high = _wilson(rate, variance, len(kept), n_clusters, confidence)
    return Estimate(rate, low, high, len(kept), n_clusters, method)


def _wilson(rate: float, variance: float, rows: int, n_clusters: int, confidence: float) -> tuple[float, float]:
    from scipy.special import stdtrit  # slow import, needed only for intervals

    single = rate * (1.0 - rate)
    number = min(float(rows), single / variance) if variance > 0.0 and single > 0.0 else float(n_clusters)
    z = float(stdtrit(n_clusters - 1, 0.5 + confidence / 2.0))
    shrink = 1.0 + z * z / number
    centre = (rate + z * z / (2.0 * number)) / shrink
    reach = z * math.sqrt(single / number + z * z / (4.0 * number * number)) / shrink
    return max(0.0, min(rate, centre - reach)), min(1.0, max(rate, centre + reach))


def discordant_interval(
    differences: ArrayLike,  # N in [-1, 1]; NaN = missing
    clusters: Sequence[object] | None = None,  # N
    confidence: float = 0.95,
) -> tuple[float, float] | None:
    """The interval of a paired difference of shares that differ in few clusters; None if they differ in enough.

    One is added to the gains and to the losses (Bonett and Price 2012), so that 0 of 30 does not mean never.
    """
    from scipy.special import ndtri

    given = np.asarray(differences, dtype=np.float64)
    there = np.isfinite(given)
    labels = None if clusters is None else [label for label, inside in zip(clusters, there, strict=True) if inside]
    codes, n_clusters = cluster_codes(labels, int(there.sum()))
    if n_clusters < 2:
        return -math.inf, math.inf
    means = np.bincount(codes, given[there], minlength=n_clusters) / np.bincount(codes, minlength=n_clusters)
    if int((np.abs(means) > 1e-12).sum()) >= FEW_DISCORDANT:
        return None
    gains = (np.maximum(means, 0.0).sum() + 1.0) / (n_clusters + 2.0)
    losses = (np.maximum(-means, 0.0).sum() + 1.0) / (n_clusters + 2.0)
    reach = float(ndtri(0.5 + confidence / 2.0)) * math.sqrt(
        (gains + losses - (gains - losses) ** 2) / (n_clusters + 2)
    )
    middle, value = float(gains - losses), float(given[there].mean())
    return max(-1.0, min(value, middle - reach)), min(1.0, max(value, middle + reach))
