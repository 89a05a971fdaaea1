"""Means over training runs, and their differences, with intervals that account for other prompts and other runs.

    table = runs_of(values, prompts)             # rows: prompts; columns: models
    table.difference([0], [1, 2, 3], trained=(False, True))

If a trained side has one run, the interval covers only other prompts, unless the spread between runs is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bleuberi.statistics.bootstrap import Clusters, cluster_codes
from bleuberi.statistics.estimate import Estimate
from bleuberi.statistics.run_margins import RunSpread, Side, Spread, margins, p_value, smallest_visible, spread_of

FloatArray = NDArray[np.float64]

FEWEST_PROMPTS: Final = 30  # with fewer there is an interval but no verdict
FEWEST_DIFFERING: Final = 10  # prompts on which the two sides score differently
ONE_RUN: Final = "one run"
FEW_PROMPTS: Final = "few prompts"
FEW_DIFFERING: Final = "few prompts differ"
_ROWS_AT_ONCE: Final = 65_536


@dataclass(frozen=True, slots=True)
class Difference:
    """`other - base` with its confidence interval.

    `p_value` is two-sided and matches the interval. `smallest_visible` is the true difference that an evaluation like
    this one would detect with 80 % power at the level `size`, infinite if it is larger than any possible one. Both are
    None if there is no verdict; `no_verdict` is then the reason: ONE_RUN, FEW_PROMPTS or FEW_DIFFERING.
    """

    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    method: str
    p_value: float | None
    smallest_visible: float | None
    size: float = 0.05
    runs: tuple[int, ...] = (1, 1)  # of base and other
    run_spread: float | None = None  # from other runs, for a side with a single run
    no_verdict: str | None = None

    def turned(self) -> Difference:
        """The difference with base and other swapped."""
        return replace(self, value=-self.value, low=-self.high, high=-self.low, runs=self.runs[::-1])


@dataclass(frozen=True, slots=True)
class RunTable:
    """The column means, and the contribution of each cluster of rows."""

    means: FloatArray  # C
    influences: FloatArray  # G x C
    shares: FloatArray  # G
    counts: NDArray[np.int64]  # C, rows with a value
    confidence: float = 0.95
    limits: tuple[float, float] = (-math.inf, math.inf)  # of all possible values; intervals end there

    @property
    def n_clusters(self) -> int:
        return len(self.shares)

    def mean(self, columns: Sequence[int]) -> Estimate:
        """The mean over the columns (one per run)."""
        spread = self._spread([Side(1.0, columns)], tested=False)
        value = float(self.means[list(columns)].mean())
        low, high = self._interval(value, spread, self.limits)
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
        width = self.limits[1] - self.limits[0]
        low, high = self._interval(value, spread, (-width, width))
        tells = spread is not None and reason is None
        visible = smallest_visible(spread, size) if spread is not None and tells else None
        return Difference(
            value, low, high, self._rows(columns), self.n_clusters,
            f"{kind}; {_interval_over(_covered(sides, used))}",
            p_value(value, spread) if spread is not None and tells else None,
            math.inf if visible is not None and visible > width else visible,
            size, (counts[0], counts[-1]), None if used is None else used.value, reason,
        )  # fmt: skip

    def _spread(self, sides: Sequence[Side], *, tested: bool = True) -> Spread | None:
        """None with one cluster, because the spread between prompts is unknown."""
        if self.n_clusters < 2:
            return None
        return spread_of(self.influences, self.means, self.shares, sides, tested=tested)

    def _interval(self, value: float, spread: Spread | None, possible: tuple[float, float]) -> tuple[float, float]:
        if spread is None:
            return -math.inf, math.inf
        below, above = margins(spread, 1.0 - self.confidence)
        return max(value - float(below), possible[0]), min(value + float(above), possible[1])

    def _rows(self, columns: Sequence[int]) -> int:
        return int(self.counts[list(columns)].min())


def runs_of(
    values: ArrayLike,  # N x C; NaN = missing
    clusters: Clusters | None = None,  # N
    *,
    confidence: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> RunTable:
    """Build the table; rows of one cluster count as one observation. Errors: `ValueError`.

    `limits`: the smallest and largest value that a score can have; two runs can give intervals far beyond it.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or not len(matrix) or np.isinf(matrix).any():
        raise ValueError("values must be a non-empty matrix of finite numbers (NaN marks missing ones)")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    codes, n_clusters = cluster_codes(clusters, len(matrix))
    counts = (~np.isnan(matrix)).sum(axis=0)
    if not counts.all():
        raise ValueError("a column has no value")
    means = _column_sums(matrix) / counts
    influences = np.zeros((n_clusters, matrix.shape[1]))
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        np.add.at(influences, codes[rows], np.where(np.isnan(matrix[rows]), 0.0, matrix[rows] - means) / counts)
    shares = np.bincount(codes, minlength=n_clusters) / len(matrix)
    return RunTable(means, influences, shares, counts, confidence, limits)


def _column_sums(matrix: FloatArray) -> FloatArray:
    """The sums of the columns without NaN; the same to the bit however many rows are added at once."""
    if matrix.shape[1] == 1:  # numpy adds a single column in another order
        return np.asarray(np.where(np.isnan(matrix), 0.0, matrix).sum(axis=0))
    sums = np.empty((0, matrix.shape[1]))
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = matrix[start : start + _ROWS_AT_ONCE]
        sums = np.vstack([sums, np.where(np.isnan(rows), 0.0, rows)]).sum(axis=0, keepdims=True)
    return np.asarray(sums[0])


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
