"""Measure from matrices of scores and labels whether mean scores rank models like the label.

There are two intervals: over models (would other models be ranked like this?), and over models and prompts. There is no
interval over prompts only: resampling prompts adds noise to means that are already noisy, so resampled correlations are
too low; in simulations such an interval contained the truth in 0 to 95 % of cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from bleuberi.agreement.config import Sureness
from bleuberi.agreement.scores import FloatArray
from bleuberi.errors import UserError
from bleuberi.statistics import (
    Estimate,
    cluster_codes,
    cluster_draws,
    kendall,
    replicate_interval,
    resampled_means,
    spearman,
    step_down_p_values,
)

OVER = ("systems", "both")


@dataclass(frozen=True, slots=True)
class SystemScores:
    """One score for every answer."""

    name: str
    kind: str  # reward | baseline
    signature: str
    matrix: FloatArray  # P x S, NaN without an answer


@dataclass(frozen=True, slots=True)
class Draws:
    """Resamples shared by all scores: the models' means per resample of prompts, and resampled models."""

    means: dict[str, FloatArray]  # name -> B x S
    systems: NDArray[np.int64]  # B x S


def draw(
    scores: Sequence[SystemScores],
    sureness: Sureness,
    clusters: Sequence[str] | None = None,  # P, labels of the rows
) -> Draws:
    """Resample models and prompts, identically for all scores."""
    prompts, systems = scores[0].matrix.shape
    codes, n_clusters = cluster_codes(clusters, prompts)
    present = [~np.isnan(one.matrix) for one in scores]
    means = {one.name: np.empty((sureness.resamples, systems)) for one in scores}
    start = 0
    for drawn in cluster_draws(n_clusters, sureness.resamples, sureness.seed):
        counts = drawn[:, codes]
        rows = slice(start, start + len(counts))
        for one, there in zip(scores, present, strict=True):
            with np.errstate(invalid="ignore", divide="ignore"):
                means[one.name][rows] = (counts @ np.where(there, one.matrix, 0.0)) / (counts @ there.astype(float))
        start += len(counts)
    generator = np.random.default_rng(sureness.seed + 1)
    return Draws(means, generator.integers(0, systems, size=(sureness.resamples, systems)))


def correlations(
    one: SystemScores, labels: FloatArray, draws: Draws, sureness: Sureness
) -> tuple[dict[str, dict[str, Estimate]], dict[str, FloatArray]]:
    """Spearman and Kendall, each with two intervals, and Spearman's replicates over prompts and models."""
    observed = np.nanmean(one.matrix, axis=0)
    chosen = draws.systems
    rows = np.arange(len(chosen))[:, None]
    drawn = {
        "systems": (observed[chosen], labels[chosen]),
        "both": (draws.means[one.name][rows, chosen], labels[chosen]),
    }
    prompts, systems = one.matrix.shape
    clusters = {"systems": systems, "both": min(prompts, systems)}
    found: dict[str, dict[str, Estimate]] = {}
    replicates: dict[str, FloatArray] = {}
    for name, statistic in (("spearman", spearman), ("kendall", kendall)):
        value = float(statistic(observed, labels)[0])
        found[name] = {}
        for over in OVER:
            values = _of_whole_rows(statistic, *drawn[over])
            low, high = replicate_interval(values, sureness.confidence, clusters[over])
            method = (
                f"{name}; bootstrap over {'prompts and systems' if over == 'both' else 'systems'}, "
                f"{sureness.resamples:,} resamples, seed {sureness.seed}, expanded percentile interval, "
                f"{sureness.confidence:.0%}"
            )
            found[name][over] = Estimate(value, low, high, systems, clusters[over], method)
            if over == "both":
                replicates[name] = values
    return found, replicates


def _of_whole_rows(
    statistic: Callable[[FloatArray, FloatArray], FloatArray],
    means: FloatArray,  # B x S
    labels: FloatArray,  # B x S, or 1 x S
) -> FloatArray:  # B
    """The statistic per resample; NaN if a resample has no answer of some model, and thus no mean to rank."""
    whole = np.asarray(np.isfinite(means).all(axis=1))
    values = statistic(np.where(whole[:, None], means, 0.0), labels)
    return np.where(whole, values, np.nan)


def compare(
    scores: Sequence[SystemScores],
    values: dict[str, float],
    replicates: dict[str, FloatArray],
    sureness: Sureness,
) -> list[dict[str, object]]:
    """Paired differences of Spearman between rewards and to baselines, over prompts and models, as one family."""
    ranked = [one for one in scores if np.isfinite(values[one.name])]
    family = [
        (base.name, other.name)
        for place, other in enumerate(ranked)
        for position, base in enumerate(ranked)
        if other.kind != "baseline" and (base.kind == "baseline" or position < place)
    ]
    if not family:
        return []
    draws = np.column_stack([replicates[other] - replicates[base] for base, other in family])
    observed = [values[other] - values[base] for base, other in family]
    enough = np.isfinite(draws).all(axis=1).any()
    p_values = step_down_p_values(observed, draws) if enough else np.full(len(family), np.nan)
    prompts, systems = scores[0].matrix.shape
    found = []
    for column, (base, other) in enumerate(family):
        low, high = replicate_interval(draws[:, column], sureness.confidence, min(prompts, systems))
        estimate = Estimate(
            observed[column], low, high, systems, min(prompts, systems),
            f"paired difference of spearman; bootstrap over prompts and systems, {sureness.resamples:,} resamples, "
            f"seed {sureness.seed}, expanded percentile interval, {sureness.confidence:.0%}",
        )  # fmt: skip
        found.append(
            {
                "base": base,
                "other": other,
                "difference": asdict(estimate),
                "standard_error": float(np.nanstd(draws[:, column])),
                "p_value": float(p_values[column]),
                "p_value_method": f"two-sided, step-down maximum over {len(family)} comparisons on the same resamples",
            }
        )
    return found


def check_order(
    one: SystemScores,
    places: Sequence[int],
    names: Sequence[str],
    sureness: Sureness,
    clusters: Sequence[str] | None = None,  # P
) -> dict[str, object]:
    """Check an expected order of models, lowest first: each step and the whole order, on shared prompts."""
    matrix = one.matrix[:, list(places)]
    whole = np.asarray(np.isfinite(matrix).all(axis=1))
    matrix = matrix[whole]
    if not len(matrix):
        raise UserError(
            f"No prompt was answered by all of {', '.join(names)}, so {one.name} cannot order them.",
            "In --expect_order, name models that share prompts.",
        )
    labels = None if clusters is None else list(np.asarray(clusters, dtype=object)[whole])
    means = resampled_means(matrix, labels, resamples=sureness.resamples, seed=sureness.seed)
    rising = np.diff(means.replicates, axis=1) > 0
    return {
        "reward": one.name,
        "signature": one.signature,
        "prompts": len(matrix),
        "steps": [
            {
                "lower": names[step],
                "higher": names[step + 1],
                "difference": asdict(means.difference(step, step + 1, sureness.confidence)),
            }
            for step in range(len(places) - 1)
        ],
        "holds": bool((np.diff(means.values) > 0).all()),
        "share_of_resamples": float(rising.all(axis=1).mean()),
    }
