"""The spread of a prompt's rewards, and its reliability.

GRPO learns from differences within a prompt. The standard deviation of k samples is a rough estimate: at k = 8 its
standard error is about a quarter of it. So this module computes a lower bound, and the reliability of a ranking.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bleuberi.statistics.correlation import spearman

FloatArray = NDArray[np.float64]

CONFIDENCE: Final = 0.9
MIN_SAMPLES: Final = 4
"""Two per half for the split-half reliability; the kurtosis estimate needs four."""
MAX_SPLITS: Final = 35  # all ways to halve 8 samples


def deviation_lower_bounds(rows: Sequence[Sequence[float]], confidence: float = CONFIDENCE) -> list[float]:
    """One-sided lower confidence bounds of the rows' standard deviations; each row needs at least MIN_SAMPLES values.

    The interval for the logarithm of a standard deviation (Bonett 2006), with one kurtosis for all rows: the kurtosis
    of a single row is so noisy that a separate bound (also the jackknife's) ranks worse than no bound at all. Rows with
    fewer samples get lower bounds; rows with equal numbers of samples are ordered by standard deviation.
    """
    if any(len(row) < MIN_SAMPLES for row in rows):
        raise ValueError(f"a row has fewer than {MIN_SAMPLES} samples")
    kurtosis = pooled_kurtosis(rows)
    z = NormalDist().inv_cdf(confidence)
    bounds = []
    for row in rows:
        k = len(row)
        relative_error = 0.5 * np.sqrt(max(0.0, kurtosis - (k - 3) / (k - 1)) / k)
        bounds.append(float(np.std(row, ddof=1) * np.exp(-z * relative_error)))
    return bounds


def pooled_kurtosis(rows: Sequence[Sequence[float]]) -> float:
    """The mean of the rows' kurtoses, each corrected for the row's number of samples.

    A normal distribution has 3, which is also returned if no row varies.
    """
    kurtoses = []
    for row in rows:
        k = len(row)
        deviations = np.asarray(row, dtype=np.float64) - np.mean(row)
        variance = float((deviations**2).mean())
        if variance > 0:
            excess = float((deviations**4).mean()) / variance**2 - 3
            kurtoses.append(3 + (k - 1) / ((k - 2) * (k - 3)) * ((k + 1) * excess + 6))
    return max(1.0, float(np.mean(kurtoses))) if kurtoses else 3.0


def split_half_reliability(samples: ArrayLike) -> float:  # N x k
    """How consistently two halves of the samples rank the rows by standard deviation.

    The mean Spearman's rho over ways to halve the samples (at most 35), projected to all k samples by the
    Spearman-Brown formula. 1: fully reproducible ranking; 0: chance. NaN if nothing can be ranked.
    """
    table = np.asarray(samples, dtype=np.float64)
    count = table.shape[1] // 2 * 2
    if count < MIN_SAMPLES or len(table) < 3:
        return float("nan")
    halves = _halves(count)
    others = [[column for column in range(count) if column not in half] for half in halves]
    # One way after the other: all together would take two kilobytes of memory per row.
    found = np.concatenate(
        [
            spearman(table[:, half].std(axis=1, ddof=1), table[:, other].std(axis=1, ddof=1))
            for half, other in zip(halves, others, strict=True)
        ]
    )
    found = found[np.isfinite(found)]  # a half whose rows all have the same spread gives no ranking
    if not len(found):
        return float("nan")
    rho = float(found.mean())
    return 2 * rho / (1 + rho) if rho > -1 else -1.0


def _halves(count: int) -> list[list[int]]:
    """Ways to choose half of `count` columns: all, or MAX_SPLITS drawn with a fixed seed."""
    if count <= 8:
        return [[0, *rest] for rest in combinations(range(1, count), count // 2 - 1)]
    generator = np.random.RandomState(0)
    return [sorted(generator.choice(count, count // 2, replace=False).tolist()) for _ in range(MAX_SPLITS)]
