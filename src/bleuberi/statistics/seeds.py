"""Means over several training seeds, resampled over prompts AND seeds. Knows columns of numbers; knows no models.

One trained model says nothing of the next seed's. Prompts are drawn as clusters, for all columns alike; seeds are drawn
within each group, independently of the prompts and of other groups (both factors cross, Owen 2007). A bootstrap of S
seeds is too narrow by sqrt((S - 1) / S), which is mended; three seeds give a t interval whose degrees of freedom are
Satterthwaite's, since percentiles of so few values cannot reach far enough. What a single prompt adds to a single seed
is counted in both factors, so the interval errs on the wide side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bleuberi.statistics.bootstrap import Replicates
from bleuberi.statistics.estimate import Estimate

FloatArray = NDArray[np.float64]


def group_mean(means: Replicates, columns: Sequence[int], confidence: float = 0.95) -> Estimate:
    """The mean over the columns of a group, a column a seed."""
    if len(columns) == 1:
        return means.estimate(columns[0], confidence)
    return _estimate(means, [(1.0, columns)], "mean over seeds", confidence)


def group_difference(
    means: Replicates, base: Sequence[int], other: Sequence[int], confidence: float = 0.95
) -> Estimate:
    """The mean over the columns `other` minus that over `base`, on the same resamples of prompts."""
    if len(base) == len(other) == 1:
        return means.difference(base[0], other[0], confidence)
    return _estimate(means, [(-1.0, base), (1.0, other)], "paired difference of means over seeds", confidence)


def _estimate(
    means: Replicates, groups: Sequence[tuple[float, Sequence[int]]], kind: str, confidence: float
) -> Estimate:
    """The signed sum of group means. Its variance: that of the prompts, and that of each group with several seeds."""
    columns = [column for _, members in groups for column in members]
    n_clusters = int(min(means.clusters[column] for column in columns))
    value = sum(sign * float(np.mean(means.values[list(members)])) for sign, members in groups)
    low, high = -math.inf, math.inf
    if n_clusters > 1:
        generator = np.random.default_rng([means.seed, len(columns)])
        drawn = _finite(sum(sign * means.replicates[:, list(members)].mean(axis=1) for sign, members in groups))
        parts = [(float(drawn.var()) * n_clusters / (n_clusters - 1), n_clusters - 1)]
        for _, members in groups:
            size = len(members)
            if size > 1:
                picked = generator.integers(0, size, size=(len(means.replicates), size))
                spread = means.values[list(members)][picked].mean(axis=1)
                parts.append((float(spread.var()) * size / (size - 1), size - 1))
        margin = _t_quantile(parts, confidence) * math.sqrt(sum(variance for variance, _ in parts))
        low, high = value - margin, value + margin
    seeds = " and ".join(str(len(members)) for _, members in groups)
    method = (
        f"{kind}; bootstrap over prompts and over seeds ({seeds}), {len(means.replicates):,} resamples, "
        f"seed {means.seed}, t interval with Satterthwaite's degrees of freedom, {confidence:.0%}"
    )
    return Estimate(value, low, high, int(min(means.counts[column] for column in columns)), n_clusters, method)


def _t_quantile(parts: Sequence[tuple[float, int]], confidence: float) -> float:
    """The t quantile at the degrees of freedom that a sum of independent variances has."""
    from scipy.special import stdtrit  # scipy is heavy, and only intervals need it

    total = sum(variance for variance, _ in parts)
    if total <= 0.0:
        return 0.0
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    return float(stdtrit(freedom, 0.5 + confidence / 2.0))


def _finite(values: FloatArray | float) -> FloatArray:
    array: FloatArray = np.asarray(values, dtype=np.float64)
    finite: FloatArray = array[np.isfinite(array)]
    return finite
