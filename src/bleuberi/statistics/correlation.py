"""Rank correlations, many at a time.

Each row of a matrix is correlated with the same row of another matrix, or with one vector, as bootstraps need.
Ties: average ranks for Spearman, tau-b for Kendall (Kendall 1945). A constant row gives NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

PAIRS_AT_A_TIME = 1 << 22  # limits the memory for Kendall's pairs
MOST_PERMUTED = 8  # 40,320 orders


def spearman(first: ArrayLike, second: ArrayLike) -> FloatArray:  # S or B x S, twice -> B
    """Spearman's rho of every row."""
    from scipy.stats import rankdata  # slow import, needed only here

    left, right = _rows(first, second)
    return _pearson(rankdata(left, axis=1), rankdata(right, axis=1))


def spearman_p_value(first: Sequence[float], second: Sequence[float]) -> tuple[float, str]:
    """The two-sided p value of Spearman's rho against no relation, and a description of the method.

    Up to eight pairs: an exact permutation test over all orders of one side (also with ties). More pairs: scipy's t
    approximation. NaN if one side does not vary.
    """
    from scipy.stats import permutation_test, spearmanr

    if len(set(first)) < 2 or len(set(second)) < 2:
        return float("nan"), "one side does not vary"
    if len(first) > MOST_PERMUTED:
        return float(spearmanr(first, second).pvalue), "t approximation"
    found = permutation_test(
        (np.asarray(first),), lambda drawn, axis: spearman(drawn, second), permutation_type="pairings",
        n_resamples=np.inf, vectorized=True, axis=-1,
    )  # fmt: skip
    return float(found.pvalue), f"exact permutation test, all {math.factorial(len(first)):,} orders"


def kendall(first: ArrayLike, second: ArrayLike) -> FloatArray:  # S or B x S, twice -> B
    """Kendall's tau-b of every row."""
    left, right = _rows(first, second)
    earlier, later = np.triu_indices(left.shape[1], k=1)
    result = np.empty(len(left))
    block = max(1, PAIRS_AT_A_TIME // max(1, len(earlier)))
    for start in range(0, len(left), block):
        rows = slice(start, start + block)
        one = np.sign(left[rows][:, earlier] - left[rows][:, later])
        two = np.sign(right[rows][:, earlier] - right[rows][:, later])
        ordered = np.sqrt((one * one).sum(axis=1) * (two * two).sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            result[rows] = (one * two).sum(axis=1) / ordered
    return result


def _pearson(left: FloatArray, right: FloatArray) -> FloatArray:
    left = left - left.mean(axis=1, keepdims=True)
    right = right - right.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((left * right).sum(axis=1) / np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1)))


def _rows(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    left = np.atleast_2d(np.asarray(first, dtype=np.float64))
    right = np.atleast_2d(np.asarray(second, dtype=np.float64))
    if left.shape[1] != right.shape[1]:
        raise ValueError(f"cannot correlate rows of {left.shape[1]} and {right.shape[1]} numbers")
    if np.isnan(left).any() or np.isnan(right).any():
        raise ValueError("a rank correlation does not accept missing values")
    rows = max(len(left), len(right))
    return np.broadcast_to(left, (rows, left.shape[1])), np.broadcast_to(right, (rows, right.shape[1]))
