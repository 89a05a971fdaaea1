"""P values adjusted for multiple comparisons.

If all comparisons share their resamples, the step-down maximum (Romano and Wolf 2005) uses the correlation between
comparisons and has more power than Holm's method, which needs only p values (Holm 1979).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def bootstrap_p_values(values: ArrayLike, replicates: ArrayLike) -> FloatArray:  # C; B x C -> C
    """Two-sided p values against 0: how often a replicate is at least as far from the estimate as 0 is."""
    observed, drawn = _columns(values, replicates)
    far = np.abs(drawn - observed) >= np.abs(observed) - 1e-12
    return np.asarray((1.0 + far.sum(axis=0)) / (1.0 + len(drawn)))


def step_down_p_values(values: ArrayLike, replicates: ArrayLike) -> FloatArray:  # C; B x C -> C
    """Per column, the p value of a zero mean, adjusted for all columns (Romano-Wolf)."""
    observed, drawn = _columns(values, replicates)
    spread = drawn.std(axis=0)
    # A column without variation is certainly 0 or certainly not 0.
    still = spread < 1e-12
    scale = np.where(still, 1.0, spread)
    distance = np.where(still, np.where(np.abs(observed) < 1e-12, 0.0, np.inf), np.abs(observed) / scale)
    strayed = np.where(still, 0.0, np.abs(drawn - observed) / scale)
    order = np.argsort(-distance, kind="stable")
    # Per resample, the largest among this comparison and all less certain ones.
    largest = np.maximum.accumulate(strayed[:, order][:, ::-1], axis=1)[:, ::-1]
    raw = (1.0 + (largest >= distance[order] - 1e-12).sum(axis=0)) / (1.0 + len(drawn))
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(raw)
    return np.asarray(np.minimum(adjusted, 1.0))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values: for comparisons without shared resamples."""
    p = np.asarray(p_values, dtype=np.float64)
    if len(p) and not ((p >= 0.0) & (p <= 1.0)).all():
        raise ValueError("p values must be between 0 and 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return [float(value) for value in adjusted]


def _columns(values: ArrayLike, replicates: ArrayLike) -> tuple[FloatArray, FloatArray]:
    observed = np.atleast_1d(np.asarray(values, dtype=np.float64))
    drawn = np.asarray(replicates, dtype=np.float64)
    drawn = drawn[:, None] if drawn.ndim == 1 else drawn
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    if drawn.shape[1] != len(observed) or not len(drawn):
        raise ValueError(f"{len(observed)} values, but replicates of shape {drawn.shape}")
    return observed, drawn
