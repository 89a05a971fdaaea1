"""Multiple comparisons and power: against scipy, published examples and simulations with a known answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bleuberi.statistics import (
    bootstrap_p_values,
    clusters_needed,
    detectable_difference,
    holm,
    mean_estimate,
    power_of,
    resampled_means,
    step_down_p_values,
)


def test_bootstrap_p_values_are_about_those_of_the_t_test():
    generator = np.random.default_rng(3)
    values = generator.normal([0.0, 0.1, 0.2], 1.0, (300, 3))
    columns = resampled_means(values, resamples=20_000)
    ours = bootstrap_p_values(columns.values, columns.replicates)
    assert ours == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, abs=0.015)


def test_holm_on_the_textbook_case():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_the_raw_values_and_bonferroni(p_values):
    adjusted = holm(p_values)
    for raw, new in zip(p_values, adjusted, strict=True):
        assert raw <= new <= min(1.0, raw * len(p_values)) + 1e-12
    # Holding the familywise error is stricter than holding the false discovery rate.
    assert (np.asarray(adjusted) >= stats.false_discovery_control(p_values) - 1e-12).all()


def test_step_down_holds_the_familywise_error():
    generator = np.random.default_rng(4)
    runs, false_alarms, naive_alarms = 400, 0, 0
    for run in range(runs):
        shared = generator.normal(size=(80, 1))
        values = 0.7 * shared + generator.normal(size=(80, 8))  # eight correlated nulls
        columns = resampled_means(values, resamples=600, seed=run)
        false_alarms += (step_down_p_values(columns.values, columns.replicates) < 0.05).any()
        naive_alarms += (bootstrap_p_values(columns.values, columns.replicates) < 0.05).any()
    assert false_alarms / runs < 0.085
    assert naive_alarms / runs > 0.15


def test_step_down_finds_more_than_holm_where_comparisons_hang_together():
    generator = np.random.default_rng(5)
    step_down = holm_found = 0
    for run in range(60):
        values = 0.16 + 0.95 * generator.normal(size=(200, 1)) + 0.3 * generator.normal(size=(200, 12))
        columns = resampled_means(values, resamples=800, seed=run)
        step_down += (step_down_p_values(columns.values, columns.replicates) < 0.05).sum()
        holm_found += sum(p < 0.05 for p in holm(bootstrap_p_values(columns.values, columns.replicates).tolist()))
    assert step_down > 1.2 * holm_found


def test_a_comparison_that_never_varies_is_certain():
    columns = resampled_means(np.column_stack([np.zeros(20), np.ones(20), np.arange(20.0) - 9.4]), resamples=199)
    adjusted = step_down_p_values(columns.values, columns.replicates)
    assert adjusted[0] == 1.0
    assert adjusted[1] == pytest.approx(1 / 200)


@settings(max_examples=50)
@given(st.floats(0.01, 5), st.floats(0.01, 5), st.integers(2, 500))
def test_needed_clusters_give_the_asked_power(difference, error, n_clusters):
    needed = clusters_needed(difference, error, n_clusters, power=0.8)
    assert needed is not None
    error_then = error * (n_clusters / needed) ** 0.5
    assert power_of(difference, error_then) >= 0.8 - 1e-6
    assert detectable_difference(error_then) <= difference * 1.0001


def test_planned_clusters_settle_the_question_in_80_percent_of_simulations():
    generator = np.random.default_rng(6)
    true_mean, spread, pilot = 0.3, 1.0, 40
    needed = clusters_needed(true_mean, spread / pilot**0.5, pilot)
    assert needed == 88  # ((1.96 + 0.8416) / 0.3) ** 2 = 87.2
    found = sum(
        mean_estimate(generator.normal(true_mean, spread, needed).tolist(), resamples=400).low > 0 for _ in range(400)
    )
    assert found / 400 == pytest.approx(0.8, abs=0.06)


def test_no_difference_needs_no_end_of_clusters():
    assert clusters_needed(0.0, 0.1, 30) is None
    assert power_of(0.0, 0.1) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="two clusters"):
        clusters_needed(0.1, 0.1, 1)
