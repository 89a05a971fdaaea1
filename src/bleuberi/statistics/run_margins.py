"""Margins, p value and smallest detectable effect of an interval over prompts and training runs.

A difference of group means varies with the prompts (paired), with the runs of either side, and with the interaction of
runs and prompts. The interaction is part of the variance over prompts and of the variance over runs, and is counted
once. Each part has its own degrees of freedom, so the critical value is the mean of the parts' t quantiles weighted by
their variances (Cochran 1964), and the margin is at least the margin of each part. With two or three runs,
Satterthwaite's approximation is too short, and with two Cochran's slightly. `benchmarks/seed_intervals.py` simulates
size and power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bleuberi.statistics.skewed_mean import Shape, critical_values, shape_of

FloatArray = NDArray[np.float64]

PLANNED_POWER: Final = 0.85
"""The power used in calculations; it leaves 80 % if spreads are underestimated (heavy tails)."""
DOUBT: Final = 2.5  # increase of an uncertain variance; 1.5 gives 79 % power with t-distributed scores of 30 prompts
GRID: Final = 48  # quantiles of a variance over runs
SMALLEST_P: Final = 1e-12
BISECTIONS: Final = 50


@dataclass(frozen=True, slots=True)
class RunSpread:
    """The standard deviation of run means in score points; `freedom` is infinite if it was given, not estimated."""

    value: float
    freedom: float = math.inf


@dataclass(frozen=True, slots=True)
class Side:
    """The columns of one group: several training runs, or a single model."""

    sign: float  # -1: the base
    columns: Sequence[int]
    trained: bool = True  # False: not trained, so another run would not change it
    spread: RunSpread | None = None  # for a single run, from other runs


@dataclass(frozen=True, slots=True)
class Spread:
    """The sources of variance of a value. Numbers may be arrays of equal shape, for many evaluations at once."""

    prompts: FloatArray | float  # variance over prompts, including the interaction with runs
    shared: FloatArray | float  # the part of `prompts` that is also in the variances over runs
    shape: Shape
    doubt: FloatArray | float  # relative variance of the estimate `prompts` itself; large for heavy tails
    runs: tuple[tuple[FloatArray | float, float], ...]  # variance and degrees of freedom, by side


def spread_of(
    influences: FloatArray,  # ... x G x C, each prompt's contribution to a column's mean, minus its share of the mean
    means: FloatArray,  # ... x C
    shares: FloatArray,  # G, of the rows; their sum is 1
    sides: Sequence[Side],
    *,
    tested: bool = True,  # against 0: then values of exactly 0 give no information
) -> Spread:
    """The variances of the signed sum of the sides' means."""
    n_clusters = influences.shape[-2]
    few = n_clusters / (n_clusters - 1.0)
    total, value = np.zeros(influences.shape[:-1]), np.zeros(means.shape[:-1])
    shared = np.zeros(means.shape[:-1])
    runs: list[tuple[FloatArray | float, float]] = []
    for side in sides:
        columns, count = list(side.columns), len(side.columns)
        own = influences[..., columns]
        total += side.sign * own.mean(axis=-1)
        value += side.sign * means[..., columns].mean(axis=-1)
        if side.trained and count > 1:
            runs.append((means[..., columns].var(axis=-1, ddof=1) / count, count - 1.0))
            shared += few * own.var(axis=-1, ddof=1).sum(axis=-1) / count
        elif side.trained and side.spread is not None:
            runs.append((side.spread.value**2, side.spread.freedom))
    worth = 1.0 / float(np.square(shares).sum())  # equivalent number of clusters of equal size
    shape = shape_of(total + value[..., None] * shares, worth, tested=tested)
    squares = total * total
    variance = squares.sum(axis=-1)
    # Divided before they are squared: the square of a tiny variance is 0.
    parts = squares / np.where(variance > 0.0, variance, 1.0)[..., None]
    kurtosis = n_clusters * np.square(parts).sum(axis=-1)
    return Spread(few * variance, shared, shape, np.maximum(kurtosis - 1.0, 0.0) / worth, tuple(runs))


def margins(spread: Spread, size: float) -> tuple[FloatArray, FloatArray]:
    """The distances of the lower and upper bound of a `1 - size` interval from the value."""
    from scipy.special import stdtrit  # slow import, needed only for intervals

    prompts = np.asarray(spread.prompts, dtype=np.float64)
    runs = [(np.asarray(variance), float(stdtrit(freedom, 1.0 - size / 2.0))) for variance, freedom in spread.runs]
    only = np.maximum(prompts - spread.shared, 0.0)
    total = only + sum(variance for variance, _ in runs)
    scale = np.sqrt(np.where(total > 0.0, total, 1.0))
    reach = []
    for critical in critical_values(spread.shape, size):
        together = (critical * only + sum(t * variance for variance, t in runs)) / scale
        alone = [critical * np.sqrt(prompts), *(t * np.sqrt(variance) for variance, t in runs)]
        reach.append(np.max(np.broadcast_arrays(together, *alone), axis=0))
    return reach[0], reach[1]


def p_value(value: float, spread: Spread) -> float:
    """The level at which the interval ends at 0; 1 if it contains 0 at every level."""
    side = 0 if value > 0.0 else 1  # a gain differs from 0 if its lower bound is above 0
    low, high = math.log(SMALLEST_P), 0.0
    if abs(value) <= float(margins(spread, 1.0)[side]):
        return 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if float(margins(spread, math.exp(middle))[side]) < abs(value):
            high = middle
        else:
            low = middle
    return math.exp(high)


def smallest_visible(spread: Spread, size: float) -> float:
    """The true difference, of either sign, that evaluations like this one detect with 80 % power.

    An estimated variance is usually below its mean (far below with two runs or heavy tails), so both parts are raised
    to their average. The margins of other evaluations with this design come from a grid of quantiles.
    """
    from scipy.optimize import brentq
    from scipy.special import chdtri, ndtr

    prompts = float(spread.prompts) * math.exp(DOUBT * float(spread.doubt))
    true = max(prompts - float(spread.shared), 0.0)
    grids: list[FloatArray] = []
    for variance, freedom in spread.runs:
        if math.isinf(freedom):
            grids.append(np.full(1, float(variance)))
            true += float(variance)
            continue
        expected = float(variance) * freedom / float(chdtri(freedom, 0.5))
        grids.append(expected * chdtri(freedom, 1.0 - (np.arange(GRID) + 0.5) / GRID) / freedom)
        true += expected
    if true <= 0.0:
        return 0.0
    drawn = np.meshgrid(*grids, indexing="ij")
    runs = tuple((grid, freedom) for grid, (_, freedom) in zip(drawn, spread.runs, strict=True))
    reach = np.maximum(*margins(replace(spread, prompts=prompts, runs=runs), size))
    deviation = math.sqrt(true)
    most = float(reach.max()) + 10.0 * deviation
    return float(brentq(lambda effect: float(ndtr((effect - reach) / deviation).mean()) - PLANNED_POWER, 0.0, most))
