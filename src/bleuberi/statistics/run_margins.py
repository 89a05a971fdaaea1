"""How far an interval over prompts and training runs reaches, which p value it has, and which effect it would show.

A difference of group means varies with the prompts (paired), with the runs of either side, and with what single runs
do on single prompts; the last part is in the variance over prompts and in that over runs, and is counted once. Each
part has its own degrees of freedom, so the critical value is the mean of the parts' t quantiles weighted by their
variances (Cochran 1964), and the margin is at least that of each part alone: Satterthwaite's approximation is too short
with two or three runs, and Cochran's a little with two. `benchmarks/seed_intervals.py` simulates size and power.
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
"""Effects are named at this power, so that 80 % are left where spreads are estimated too small (heavy tails)."""
DOUBT: Final = 2.5  # how far a doubtful variance is raised; 1.5 leaves 79 % with t-distributed scores of 30 prompts
GRID: Final = 48  # quantiles of a variance over runs
SMALLEST_P: Final = 1e-12
BISECTIONS: Final = 50


@dataclass(frozen=True, slots=True)
class RunSpread:
    """The standard deviation of run means in score points; `freedom` is infinite if it was stated, not estimated."""

    value: float
    freedom: float = math.inf


@dataclass(frozen=True, slots=True)
class Side:
    """The columns of one group: several runs of a training, or a single model."""

    sign: float  # -1: the base
    columns: Sequence[int]
    trained: bool = True  # False: no training run stands behind it, so another run would not change it
    spread: RunSpread | None = None  # of a single run, known from elsewhere


@dataclass(frozen=True, slots=True)
class Spread:
    """What a value varies with. Each number may be an array of one shape: many evaluations at once."""

    prompts: FloatArray | float  # variance over prompts, including what single runs do on them
    shared: FloatArray | float  # the part of `prompts` that is in the variances over runs too
    shape: Shape
    doubt: FloatArray | float  # relative variance of the estimate `prompts` itself; large for heavy tails
    runs: tuple[tuple[FloatArray | float, float], ...]  # variance and degrees of freedom, by side


def spread_of(
    influences: FloatArray,  # ... x G x C, what each prompt adds to a column's mean, less its share of the mean
    means: FloatArray,  # ... x C
    shares: FloatArray,  # G, of the rows; their sum is 1
    sides: Sequence[Side],
    *,
    tested: bool = True,  # against 0: values that are exactly 0 tell nothing then
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
    worth = 1.0 / float(np.square(shares).sum())  # clusters of equal size that would tell as much
    shape = shape_of(total + value[..., None] * shares, worth, tested=tested)
    squares = total * total
    variance = squares.sum(axis=-1)
    kurtosis = n_clusters * np.square(squares).sum(axis=-1) / np.square(np.where(variance > 0.0, variance, 1.0))
    return Spread(few * variance, shared, shape, np.maximum(kurtosis - 1.0, 0.0) / worth, tuple(runs))


def margins(spread: Spread, size: float) -> tuple[FloatArray, FloatArray]:
    """How far the interval of level `1 - size` reaches below and above the value."""
    from scipy.special import stdtrit  # scipy is heavy, and only intervals need it

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
    """The level at which the interval would end at 0; 1 if it has 0 in it at every level."""
    side = 0 if value > 0.0 else 1  # a gain differs from 0 if the interval does not reach that far below it
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
    """The true difference that evaluations like this one tell from 0 with 80 % power, whichever sign it has.

    An estimated variance is most often below its mean, far below with two runs or heavy tails, so both parts are raised
    to what they are on average. The margins of other evaluations of this design come from a grid of quantiles.
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
