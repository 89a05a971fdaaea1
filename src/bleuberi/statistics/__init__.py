"""Estimates, intervals, comparisons and power, computed from numbers and cluster labels only.

estimate            a value with its interval
bootstrap           resampled clusters: means, paired differences; labels that ignore case and white space
rates               shares, with intervals of nonzero width even at 0 % and 100 %
comparison_of_runs  differences over prompts and training runs, or the reason for no verdict
run_margins         margins of such an interval, its p value, the smallest detectable difference
skewed_mean         critical values for skewed or mostly zero values
comparisons         p values for multiple comparisons: Holm, step-down maximum
correlation         Spearman, Kendall, the exact permutation test
power               the number of clusters needed, as a range
logistic            a cross-validated mix of scores
spread              reliability of the spread of a prompt's scores
within_group        statistics of a group of completions during training
shown               formats every estimate for readers

To add an interval, return an `Estimate` (or a `Difference`), simulate its size or coverage in a test, and add a
function to `shown` if its format is new. To add a test, return its p value with a description of its method.
"""

from __future__ import annotations

from bleuberi.statistics.bootstrap import (
    Replicates,
    cluster_codes,
    cluster_draws,
    mean_estimate,
    paired_difference,
    prompt_clusters,
    prompt_codes,
    replicate_interval,
    resampled_means,
    text_digests,
)
from bleuberi.statistics.comparison_of_runs import Difference, RunTable, pooled_run_spread, runs_of
from bleuberi.statistics.comparisons import bootstrap_p_values, holm, step_down_p_values
from bleuberi.statistics.correlation import kendall, spearman, spearman_p_value
from bleuberi.statistics.estimate import Estimate
from bleuberi.statistics.logistic import cluster_folds, fit_logistic
from bleuberi.statistics.power import clusters_needed, clusters_needed_range, detectable_difference, power_of
from bleuberi.statistics.rates import discordant_interval, rate_estimate
from bleuberi.statistics.run_margins import RunSpread

__all__ = [
    "Difference",
    "Estimate",
    "Replicates",
    "RunSpread",
    "RunTable",
    "bootstrap_p_values",
    "cluster_codes",
    "cluster_draws",
    "cluster_folds",
    "clusters_needed",
    "clusters_needed_range",
    "detectable_difference",
    "discordant_interval",
    "fit_logistic",
    "holm",
    "kendall",
    "mean_estimate",
    "paired_difference",
    "pooled_run_spread",
    "power_of",
    "prompt_clusters",
    "prompt_codes",
    "rate_estimate",
    "replicate_interval",
    "resampled_means",
    "runs_of",
    "spearman",
    "spearman_p_value",
    "step_down_p_values",
    "text_digests",
]
