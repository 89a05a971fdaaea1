"""How sure a number is: estimates, intervals, comparisons, power. It works on numbers and cluster labels alone.

`comparison_of_runs` compares means over training runs, with the margins of `run_margins` and `skewed_mean`; `rates` has
shares; `bootstrap` resamples clusters, and `comparisons` corrects its p values; `correlation` ranks; `power` plans;
`logistic`, `spread` and `within_group` serve mixes of scores, selection and training. `shown` writes an estimate down.
To add an interval, return an `Estimate`, simulate its coverage in a test, and add a line to `shown` if it reads unlike.
"""

from __future__ import annotations

from bleuberi.statistics.bootstrap import (
    Replicates,
    cluster_codes,
    cluster_draws,
    mean_estimate,
    paired_difference,
    prompt_clusters,
    replicate_interval,
    resampled_means,
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
    "rate_estimate",
    "replicate_interval",
    "resampled_means",
    "runs_of",
    "spearman",
    "spearman_p_value",
    "step_down_p_values",
]
