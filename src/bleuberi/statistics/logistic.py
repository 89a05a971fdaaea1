"""Logistic regression without an intercept, and folds that keep clusters whole.

Meant for differences of scores (Bradley-Terry): swapping the two sides negates the row and flips the outcome, so an
intercept would be 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NEWTON_STEPS = 50
STEP_TOLERANCE = 1e-10


def fit_logistic(features: ArrayLike, outcomes: ArrayLike, ridge: float = 1.0) -> FloatArray:
    """Coefficients that maximise the log likelihood minus ridge / 2 * |w|^2, by Newton's method.

    The ridge keeps them finite if the outcomes are separable. An outcome of 0.5 counts half for each side.
    """
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.float64)
    if x.ndim != 2 or len(x) != len(y) or not len(y):
        raise ValueError("features must be a matrix with one row per outcome")
    if ridge <= 0.0:
        raise ValueError("ridge must be greater than 0")
    weights = np.zeros(x.shape[1])
    objective = _objective(x, y, weights, ridge)
    for _ in range(NEWTON_STEPS):
        chance = _chances(x, weights)
        gradient = x.T @ (y - chance) - ridge * weights
        curvature = (x * (chance * (1.0 - chance))[:, None]).T @ x + ridge * np.eye(x.shape[1])
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-6 and _objective(x, y, weights + size * step, ridge) < objective:
            size /= 2.0  # a full step may overshoot if the features are strong
        weights = weights + size * step
        objective = _objective(x, y, weights, ridge)
        if np.abs(size * step).max() < STEP_TOLERANCE:
            break
    return weights


def cluster_folds(codes: IntArray, folds: int, seed: int = 0) -> IntArray:  # N -> N
    """Assign each row a fold, 0..folds-1; clusters stay whole, and folds have equal numbers of clusters."""
    n_clusters = int(codes.max()) + 1 if len(codes) else 0
    if not 2 <= folds <= n_clusters:
        raise ValueError(f"folds must be at least 2 and at most the number of clusters ({n_clusters}), not {folds}")
    fold_of_cluster = np.random.default_rng(seed).permutation(n_clusters) % folds
    return np.asarray(fold_of_cluster[codes], dtype=np.int64)


def _chances(x: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (x @ weights))))


def _objective(x: FloatArray, y: FloatArray, weights: FloatArray, ridge: float) -> float:
    margin = x @ weights
    return float((y * margin - np.logaddexp(0.0, margin)).sum() - ridge / 2.0 * (weights @ weights))
