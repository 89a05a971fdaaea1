"""The paired, clustered bootstrap of means.

Whole clusters are drawn with replacement (Davison and Hinkley 1997, section 3.8): values of one prompt are not
independent, so an interval over single values would be too short. All columns of a matrix use the same draws, so
the difference of two columns is paired. Intervals: percentile intervals, widened for few clusters by the
t quantile and the factor sqrt(n / (n - 1)) (Hesterberg 2015, "expanded percentile"); plain ones are too short.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bleuberi.statistics.estimate import Estimate

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Clusters = Sequence[object] | IntArray  # labels

DRAWS_AT_A_TIME = 1 << 21  # limits one block of resamples to about 50 MB


def cluster_codes(clusters: Clusters | None, size: int) -> tuple[IntArray, int]:
    """The cluster number (0..G-1, by first appearance) of every value, and G. By default each value is a cluster."""
    if clusters is None:
        return np.arange(size, dtype=np.int64), size
    if len(clusters) != size:
        raise ValueError(f"{size} values, but {len(clusters)} cluster labels")
    if isinstance(clusters, np.ndarray):
        return _by_first_appearance(clusters)
    seen: dict[object, int] = {}
    codes = np.fromiter((seen.setdefault(label, len(seen)) for label in clusters), dtype=np.int64, count=size)
    return codes, len(seen)


def prompt_clusters(prompts: Sequence[str]) -> list[str]:
    """A cluster label per prompt; prompts that differ only in white space or case get the same label."""
    return [" ".join(prompt.split()).casefold() for prompt in prompts]


def prompt_codes(prompts: Iterable[str]) -> IntArray:
    """The cluster number of every prompt, by first appearance, with the clusters of `prompt_clusters`. Texts are not
    kept: memory grows by a hash of 16 bytes per prompt."""
    return _by_first_appearance(text_digests(" ".join(prompt.split()).casefold() for prompt in prompts))[0]


def text_digests(texts: Iterable[str]) -> NDArray[np.bytes_]:
    """A hash of 16 bytes per text; equal only for equal texts."""
    found = bytearray()
    for text in texts:
        found += hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return np.frombuffer(found, dtype="S16")


def _by_first_appearance(labels: NDArray[np.int64] | NDArray[np.bytes_]) -> tuple[IntArray, int]:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    codes = np.empty(len(first), dtype=np.int64)
    codes[np.argsort(first)] = np.arange(len(first))
    return codes[inverse], len(first)


def cluster_draws(n_clusters: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Yield blocks of resamples; each row has the number of draws per cluster. Deterministic for a seed."""
    generator = np.random.default_rng(seed)
    block = max(1, DRAWS_AT_A_TIME // n_clusters)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = generator.integers(0, n_clusters, size=(rows, n_clusters))
        drawn += np.arange(rows)[:, None] * n_clusters
        counts = np.bincount(drawn.ravel(), minlength=rows * n_clusters)
        yield counts.reshape(rows, n_clusters).astype(np.float64)


def expanded_tail(confidence: float, n_clusters: int) -> float:
    """The share of replicates to cut at each end, so that few clusters get the width of a t interval."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    from scipy.special import stdtrit  # slow import, needed only for intervals

    quantile = float(stdtrit(n_clusters - 1, 0.5 + confidence / 2.0))
    return NormalDist().cdf(-math.sqrt(n_clusters / (n_clusters - 1)) * quantile)


def replicate_interval(replicates: ArrayLike, confidence: float, n_clusters: int) -> tuple[float, float]:
    """The expanded percentile interval of bootstrap replicates; infinite if there is only one cluster."""
    finite = np.asarray(replicates, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if n_clusters < 2 or not len(finite):
        return -math.inf, math.inf
    tail = expanded_tail(confidence, n_clusters)
    low, high = np.quantile(finite, [tail, 1.0 - tail])
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class Replicates:
    """Column means of a matrix, observed and per resample. NaN means missing."""

    values: FloatArray  # C, the observed means
    replicates: FloatArray  # B x C
    counts: IntArray  # C, values per mean
    clusters: IntArray  # C, clusters per mean
    seed: int

    def method(self, *, paired: bool = False) -> str:
        """A short description of the interval method."""
        kind = "paired difference of means" if paired else "mean"
        return (
            f"{kind}; bootstrap over clusters, {len(self.replicates):,} resamples, seed {self.seed}, "
            "expanded percentile interval"
        )

    def estimate(self, column: int, confidence: float = 0.95) -> Estimate:
        """The mean of one column."""
        n_clusters = int(self.clusters[column])
        low, high = replicate_interval(self.replicates[:, column], confidence, n_clusters)
        return Estimate(
            float(self.values[column]), low, high, int(self.counts[column]), n_clusters,
            f"{self.method()}, {confidence:.0%}",
        )  # fmt: skip

    def difference(self, base: int, other: int, confidence: float = 0.95) -> Estimate:
        """Column `other` minus column `base`, on the same resamples."""
        n_clusters = int(min(self.clusters[base], self.clusters[other]))
        replicates = self.replicates[:, other] - self.replicates[:, base]
        low, high = replicate_interval(replicates, confidence, n_clusters)
        return Estimate(
            float(self.values[other] - self.values[base]), low, high,
            int(min(self.counts[base], self.counts[other])), n_clusters,
            f"{self.method(paired=True)}, {confidence:.0%}",
        )  # fmt: skip


def resampled_means(
    values: ArrayLike,  # N or N x C; NaN = missing
    clusters: Sequence[object] | None = None,  # N
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> Replicates:
    """Column means over resampled clusters; all columns use the same resamples."""
    matrix = np.asarray(values, dtype=np.float64)
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or not len(matrix):
        raise ValueError("values must be a non-empty list of numbers or a non-empty matrix")
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, not {resamples}")
    if np.isinf(matrix).any():
        raise ValueError("values must be finite (NaN marks missing ones)")
    codes, n_clusters = cluster_codes(clusters, len(matrix))
    present = ~np.isnan(matrix)
    sums = np.zeros((n_clusters, matrix.shape[1]))
    sizes = np.zeros_like(sums)
    np.add.at(sums, codes, np.where(present, matrix, 0.0))
    np.add.at(sizes, codes, present.astype(np.float64))
    replicates = np.empty((resamples, matrix.shape[1]))
    start = 0
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN if a resample contains no value of a sparse column
        for draws in cluster_draws(n_clusters, resamples, seed):
            replicates[start : start + len(draws)] = (draws @ sums) / (draws @ sizes)
            start += len(draws)
        observed = sums.sum(axis=0) / sizes.sum(axis=0)
    return Replicates(
        observed, replicates, sizes.sum(axis=0).astype(np.int64), (sizes > 0).sum(axis=0).astype(np.int64), seed
    )


def mean_estimate(
    values: Sequence[float],
    clusters: Sequence[str] | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of `values` with a bootstrap interval over clusters (default: each value is its own cluster)."""
    return resampled_means(_finite(values), clusters, resamples=resamples, seed=seed).estimate(0, confidence)


def paired_difference(
    base: Sequence[float],  # N
    other: Sequence[float],  # N, other[i] measured on the same item as base[i]
    clusters: Sequence[str] | None = None,  # N
    *,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """The mean of `other - base` with a bootstrap interval over clusters (default: each item is its own cluster)."""
    first, second = _finite(base), _finite(other)
    if len(first) != len(second):
        raise ValueError(f"a paired difference needs two lists of equal length, not of {len(first)} and {len(second)}")
    columns = resampled_means(np.column_stack([first, second]), clusters, resamples=resamples, seed=seed)
    return columns.difference(0, 1, confidence)


def _finite(values: Sequence[float]) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("values must be a list of finite numbers")
    return array
