"""How sure a number is: estimates, intervals, comparisons, power. Knows numbers only; knows no texts, metrics or files.

`from bleuberi.statistics import paired_difference`
"""

from __future__ import annotations

from bleuberi.statistics.bootstrap import (
    Replicates,
    cluster_codes,
    cluster_draws,
    mean_estimate,
    paired_difference,
    replicate_interval,
    resampled_means,
)
from bleuberi.statistics.comparisons import bootstrap_p_values, holm, step_down_p_values
from bleuberi.statistics.correlation import kendall, spearman
from bleuberi.statistics.estimate import Estimate
from bleuberi.statistics.logistic import cluster_folds, fit_logistic
from bleuberi.statistics.power import clusters_needed, detectable_difference, power_of
from bleuberi.statistics.seeds import group_difference, group_mean

__all__ = [
    "Estimate",
    "Replicates",
    "bootstrap_p_values",
    "cluster_codes",
    "cluster_draws",
    "cluster_folds",
    "clusters_needed",
    "detectable_difference",
    "fit_logistic",
    "group_difference",
    "group_mean",
    "holm",
    "kendall",
    "mean_estimate",
    "paired_difference",
    "power_of",
    "replicate_interval",
    "resampled_means",
    "spearman",
    "step_down_p_values",
]
