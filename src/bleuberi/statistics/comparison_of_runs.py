"""Means over training runs, and their differences, with intervals that account for other prompts and other runs.

    table = runs_of(values, prompts)             # rows: prompts; columns: models
    table.difference([0], [1, 2, 3], trained=(False, True))

If a trained side has one run, the interval covers only other prompts, unless the spread between runs is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bleuberi.statistics.bootstrap import cluster_codes
from bleuberi.statistics.estimate import Estimate
from bleuberi.statistics.run_margins import RunSpread, Side, Spread, margins, p_value, smallest_visible, spread_of

FloatArray = NDArray[np.float64]

FEWEST_PROMPTS: Final = 30  # with fewer there is an interval but no verdict
FEWEST_DIFFERING: Final = 10  # prompts on which the two sides score differently
ONE_RUN: Final = "one run"
FEW_PROMPTS: Final = "few prompts"
FEW_DIFFERING: Final = "few prompts differ"


@dataclass(frozen=True, slots=True)
class Difference:
    """`other - base` with its confidence interval.

    `p_value` is two-sided and matches the interval. `smallest_visible` is the true difference that an evaluation like
    this one would detect with 80 % power at the level `size`. Both are None if this evaluation cannot detect a
    difference; `no_verdict` is then the reason: ONE_RUN, FEW_PROMPTS or FEW_DIFFERING.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    method: str
    p_value: float | None
    smallest_visible: float | None
    size: float
    runs: tuple[int, int]  # of base and other
    run_spread: float | None  # from other runs, for a side with a single run
    no_verdict: str | None


@dataclass(frozen=True, slots=True)
class RunTable:
    """The column means, and the contribution of each cluster of rows."""

    means: FloatArray  # C
    influences: FloatArray  # G x C
    shares: FloatArray  # G
    counts: NDArray[np.int64]  # C, rows with a value
    confidence: float = 0.95

    @property
    def n_clusters(self) -> int:
        return len(self.shares)

    def mean(self, columns: Sequence[int]) -> Estimate:
        """The mean over the columns (one per run)."""
        spread = self._spread([Side(1.0, columns)], tested=False)
        value = float(self.means[list(columns)].mean())
        low, high = self._interval(value, spread)
        over = f"prompts and runs ({len(columns)})" if len(columns) > 1 else "prompts"
        return Estimate(value, low, high, self._rows(columns), self.n_clusters, f"mean; {_interval_over(over)}")

    def run_variance(self, columns: Sequence[int]) -> float:
        """The variance (n - 1) of the columns' means: how much runs differ on these prompts."""
        return float(self.means[list(columns)].var(ddof=1))

    def difference(
        self,
        base: Sequence[int],
        other: Sequence[int],
        *,
        trained: tuple[bool, bool] = (True, True),
        run_spread: RunSpread | None = None,
        size: float = 0.05,
    ) -> Difference:
        """The mean over `other` minus the mean over `base`, paired by prompt.

        `trained`: whether each side is a training run, so that another run would change it. `run_spread`: the spread
        between runs for a trained side with one run. `size`: the level for the smallest visible difference.
        """
        sides = [Side(-1.0, base, trained[0], run_spread), Side(1.0, other, trained[1], run_spread)]
        return self._difference(sides, "paired difference of means", size)

    def gain(self, columns: Sequence[int], run_spread: RunSpread | None = None, size: float = 0.05) -> Difference:
        """The mean over columns of differences (one per run)."""
        return self._difference([Side(1.0, columns, True, run_spread)], "mean of paired differences", size)

    def _difference(self, sides: Sequence[Side], kind: str, size: float) -> Difference:
        columns = [column for side in sides for column in side.columns]
        counts = [len(side.columns) for side in sides]
        single = [side for side in sides if side.trained and len(side.columns) == 1]
        used = single[0].spread if single else None
        value = sum(side.sign * float(self.means[list(side.columns)].mean()) for side in sides)
        spread = self._spread(sides)
        reason = ONE_RUN if single else None
        if self.n_clusters < FEWEST_PROMPTS:
            reason = reason or FEW_PROMPTS
        elif spread is not None and float(spread.shape.differing) < FEWEST_DIFFERING:
            reason = reason or FEW_DIFFERING
        low, high = self._interval(value, spread)
        tells = spread is not None and reason is None
        return Difference(
            value, low, high, self._rows(columns), self.n_clusters,
            f"{kind}; {_interval_over(_covered(sides, used))}",
            p_value(value, spread) if spread is not None and tells else None,
            smallest_visible(spread, size) if spread is not None and tells else None,
            size, (counts[0], counts[-1]), None if used is None else used.value, reason,
        )  # fmt: skip

    def _spread(self, sides: Sequence[Side], *, tested: bool = True) -> Spread | None:
        """None with one cluster, because the spread between prompts is unknown."""
        if self.n_clusters < 2:
            return None
        return spread_of(self.influences, self.means, self.shares, sides, tested=tested)

    def _interval(self, value: float, spread: Spread | None) -> tuple[float, float]:
        if spread is None:
            return -math.inf, math.inf
        below, above = margins(spread, 1.0 - self.confidence)
        return value - float(below), value + float(above)

    def _rows(self, columns: Sequence[int]) -> int:
        return int(self.counts[list(columns)].min())


def runs_of(
    values: ArrayLike,  # N x C; NaN = missing
    clusters: Sequence[object] | None = None,  # N
    *,
    confidence: float = 0.95,
) -> RunTable:
    """Build the table; rows of one cluster count as one observation. Errors: `ValueError`."""
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or not len(matrix) or np.isinf(matrix).any():
        raise ValueError("values must be a non-empty matrix of finite numbers (NaN marks missing ones)")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    codes, n_clusters = cluster_codes(clusters, len(matrix))
    present = ~np.isnan(matrix)
    counts = present.sum(axis=0)
    if not counts.all():
        raise ValueError("a column has no value")
    means = np.where(present, matrix, 0.0).sum(axis=0) / counts
    influences = np.zeros((n_clusters, matrix.shape[1]))
    np.add.at(influences, codes, np.where(present, matrix - means, 0.0) / counts)
    return RunTable(means, influences, np.bincount(codes, minlength=n_clusters) / len(matrix), counts, confidence)


def pooled_run_spread(variances: Sequence[tuple[float, int]]) -> RunSpread | None:
    """Pool the run variances of several groups, given with their numbers of runs; None without any."""
    freedom = sum(runs - 1 for _, runs in variances)
    if not freedom:
        return None
    pooled = sum(variance * (runs - 1) for variance, runs in variances) / freedom
    return RunSpread(math.sqrt(pooled), float(freedom))


def _covered(sides: Sequence[Side], used: RunSpread | None) -> str:
    runs = " and ".join(str(len(side.columns)) for side in sides)
    if used is not None:
        source = "stated" if math.isinf(used.freedom) else f"of other groups, {used.freedom:.0f} degrees of freedom"
        return f"prompts, and runs with a standard deviation of {used.value:.2g} ({source})"
    if any(side.trained and len(side.columns) == 1 for side in sides):
        return f"prompts alone (runs: {runs})"
    return f"prompts and runs ({runs})" if any(side.trained for side in sides) else "prompts"


def _interval_over(over: str) -> str:
    return f"t interval over {over}, Cochran's weights, corrected for skewness"
