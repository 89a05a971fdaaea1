"""Shares near 0 and 1 keep an interval, and estimates are written in one way."""

import math

import numpy as np
import pytest
from scipy import stats

from bleuberi.statistics import discordant_interval, rate_estimate, shown


def test_all_right_of_30_is_88_to_100_percent():
    found = rate_estimate([1.0] * 30)
    exact = stats.binomtest(30, 30).proportion_ci(method="wilson")
    assert (round(100 * found.low), found.high) == (88, 1.0)
    assert found.low == pytest.approx(exact.low, abs=0.01)  # a t quantile in place of the normal one
    none = rate_estimate([0.0] * 30)
    assert (none.low, none.high) == (0.0, pytest.approx(1.0 - found.low))


def test_thirty_rows_of_three_prompts_are_three():
    found = rate_estimate([1.0] * 30, [row % 3 for row in range(30)])
    assert found.low < 0.5
    assert (found.n, found.n_clusters) == (30, 3)


def test_independent_rows_get_wilsons_interval():
    values = [1.0] * 240 + [0.0] * 60
    theirs = stats.binomtest(240, 300).proportion_ci(method="wilson")
    found = rate_estimate(values)
    assert (found.low, found.high) == (pytest.approx(theirs.low, abs=1e-3), pytest.approx(theirs.high, abs=1e-3))


@pytest.mark.parametrize(("n_clusters", "rate", "alike"), [(30, 0.97, 2.0), (100, 0.65, 2.0), (100, 0.98, 20.0)])
def test_shares_are_covered_in_95_percent_of_clustered_simulations(n_clusters, rate, alike):
    generator = np.random.default_rng(n_clusters)
    covered = 0
    for _ in range(500):
        sizes = generator.integers(1, 7, n_clusters)
        rates = generator.beta(rate * alike, (1 - rate) * alike, n_clusters)
        clusters = np.repeat(np.arange(n_clusters), sizes)
        found = rate_estimate((generator.random(len(clusters)) < rates[clusters]).astype(float), clusters.tolist())
        covered += found.low <= rate <= found.high
    assert 0.925 <= covered / 500 <= 0.99


def test_one_cluster_has_no_interval_and_other_values_are_refused():
    assert rate_estimate([1.0, 1.0], ["p", "p"]).low == -math.inf
    for values in ([], [math.nan], [2.0]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            rate_estimate(values)


def test_no_discordant_prompt_of_30_is_not_no_difference_at_all():
    low, high = discordant_interval([0.0] * 30)
    assert low == pytest.approx(-high)
    assert 0.05 < high < 0.12
    low, high = discordant_interval([1.0] * 3 + [0.0] * 27)
    assert -0.1 < low < 0.1 < high
    assert discordant_interval([1.0, -1.0] * 15) is None


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_estimates_as_people_read_them():
    known = estimate(0.0213, -0.004, 0.0461)
    assert shown.difference(known) == "+0.021 [-0.004, +0.046]"
    assert shown.points(known) == "+2.1 points [-0.4, +4.6]"
    assert shown.percent(estimate(0.723, 0.695, 0.75)) == "72.3 % [69.5, 75.0]"
    assert shown.correlation(estimate(0.83, 0.7, 0.91)) == "0.83 [0.70, 0.91]"
    assert (shown.p_words(0.0167), shown.p_words(1e-7)) == ("p = 0.017", "p < 0.0001")


@pytest.mark.parametrize("bound", [None, -math.inf, math.nan])
def test_an_unknown_bound_is_never_printed(bound):
    for words in (shown.difference, shown.percent, shown.points, shown.correlation):
        said = words(estimate(0.5, bound, 0.7))
        assert said.endswith("no interval")
        assert "inf" not in said
    assert shown.correlation(estimate(math.nan, None, None)) == "none (all score the same)"
    assert shown.number(None) == "–"
