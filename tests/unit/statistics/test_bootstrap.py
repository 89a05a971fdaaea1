"""The clustered bootstrap: against scipy where clusters are single values, and on simulations with a known answer."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bleuberi.statistics import (
    bootstrap,
    cluster_codes,
    mean_estimate,
    paired_difference,
    prompt_clusters,
    prompt_codes,
    resampled_means,
)


def clustered_outcomes(generator, n_clusters, rate, concentration=2.0):
    """0/1 outcomes, 1 to 9 a cluster; the clusters' own rates spread around `rate` (a beta distribution)."""
    sizes = generator.integers(1, 10, n_clusters)
    rates = generator.beta(rate * concentration, (1 - rate) * concentration, n_clusters)
    clusters = np.repeat(np.arange(n_clusters), sizes)
    return (generator.random(len(clusters)) < rates[clusters]).astype(float), clusters.tolist()


def test_interval_of_single_values_is_scipys_percentile_interval_up_to_its_widening():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    ours = mean_estimate(values.tolist(), resamples=20_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


@pytest.mark.parametrize("n", [5, 12, 30])
def test_few_normal_values_get_about_the_width_of_a_t_interval(n):
    values = stats.norm.ppf((np.arange(n) + 0.5) / n)
    ours = mean_estimate(values.tolist(), resamples=20_000)
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (ours.high - ours.low) / (high - low) == pytest.approx(1.0, abs=0.12 if n < 10 else 0.05)


@pytest.mark.parametrize(("n_clusters", "rate"), [(25, 0.65), (100, 0.65), (100, 0.85)])
def test_95_percent_intervals_cover_the_truth_in_95_percent_of_clustered_simulations(n_clusters, rate):
    generator = np.random.default_rng(n_clusters)
    runs, covered = 600, 0
    for _ in range(runs):
        outcomes, clusters = clustered_outcomes(generator, n_clusters, rate)
        estimate = mean_estimate(outcomes.tolist(), clusters, resamples=1_000)
        covered += estimate.low <= rate <= estimate.high
    assert 0.925 <= covered / runs <= 0.98


def test_ignoring_the_clusters_would_not_cover():
    generator = np.random.default_rng(7)
    runs, covered = 300, 0
    for _ in range(runs):
        outcomes, _ = clustered_outcomes(generator, 60, 0.65, concentration=0.5)
        estimate = mean_estimate(outcomes.tolist(), None, resamples=500)
        covered += estimate.low <= 0.65 <= estimate.high
    assert covered / runs < 0.85


def test_paired_difference_covers_the_true_difference():
    generator = np.random.default_rng(11)
    runs, covered, unpaired_width, paired_width = 400, 0, 0.0, 0.0
    for _ in range(runs):
        base, clusters = clustered_outcomes(generator, 80, 0.6)
        other = np.where(generator.random(len(base)) < 0.2, 1.0, base)  # lifts the rate from 0.6 to 0.68
        estimate = paired_difference(base.tolist(), other.tolist(), clusters, resamples=800)
        covered += estimate.low <= 0.08 <= estimate.high
        paired_width += estimate.high - estimate.low
        both = resampled_means(base, clusters, resamples=200).estimate(0)
        unpaired_width += both.high - both.low
    assert 0.92 <= covered / runs <= 0.985
    assert paired_width < unpaired_width


def test_difference_is_other_minus_base_and_says_how_it_was_made():
    estimate = paired_difference([1.0, 2.0, 3.0], [2.0, 4.0, 3.0], ["p", "p", "q"], resamples=500, seed=3)
    assert estimate.value == pytest.approx(1.0)
    assert (estimate.n, estimate.n_clusters) == (3, 2)
    assert "500 resamples" in estimate.method
    assert "seed 3" in estimate.method
    assert "paired" in estimate.method


def test_same_seed_same_interval_and_blocks_change_nothing(monkeypatch):
    values = np.random.default_rng(5).normal(size=64)
    whole = mean_estimate(values.tolist(), resamples=3_000, seed=9)
    assert mean_estimate(values.tolist(), resamples=3_000, seed=9) == whole
    monkeypatch.setattr(bootstrap, "DRAWS_AT_A_TIME", 64 * 100)
    assert mean_estimate(values.tolist(), resamples=3_000, seed=9) == whole


def test_order_of_the_rows_changes_nothing_but_the_draws():
    generator = np.random.default_rng(2)
    values, clusters = clustered_outcomes(generator, 50, 0.7)
    mixed = generator.permutation(len(values))
    first = mean_estimate(values.tolist(), clusters)
    second = mean_estimate(values[mixed].tolist(), [clusters[i] for i in mixed])
    assert second.value == pytest.approx(first.value)
    assert second.low == pytest.approx(first.low, abs=0.01)


def test_one_cluster_tells_nothing_of_the_spread():
    estimate = paired_difference([0.0, 1.0], [1.0, 1.0], ["p", "p"])
    assert (estimate.low, estimate.high) == (-math.inf, math.inf)


def test_missing_values_leave_only_their_own_column():
    columns = resampled_means([[1.0, math.nan], [3.0, 5.0], [5.0, math.nan]], ["p", "q", "q"], resamples=200)
    assert columns.values.tolist() == [3.0, 5.0]
    assert columns.counts.tolist() == [3, 1]
    assert columns.clusters.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("base", "other", "clusters"),
    [([1.0], [1.0, 2.0], None), ([], [], None), ([1.0, 2.0], [1.0, 2.0], ["p"]), ([math.nan], [1.0], None)],
)
def test_values_that_do_not_belong_together_are_refused(base, other, clusters):
    with pytest.raises(ValueError, match=r"values|paired"):
        paired_difference(base, other, clusters)


@given(st.lists(st.sampled_from(["Why?", " why? ", "Why  so?", "WHY so?", "", " ", "ß", "ss", "\udcff"]) | st.text()))
def test_the_codes_of_prompts_are_those_of_their_clusters(prompts):
    assert prompt_codes(prompts).tolist() == cluster_codes(prompt_clusters(prompts), len(prompts))[0].tolist()
