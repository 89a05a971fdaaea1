"""Rank correlations and the logistic fit equal scipy's, and find what a simulation put in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from bleuberi.statistics import cluster_folds, fit_logistic, kendall, spearman

ROWS = st.integers(3, 12).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(-3, 3), min_size=size, max_size=size)] * 2)
)


@settings(max_examples=150)
@given(ROWS)
def test_one_row_equals_scipy_ties_included(rows):
    first, second = rows
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(spearman(first, second)[0])
        assert np.isnan(kendall(first, second)[0])
        return
    assert spearman(first, second)[0] == pytest.approx(stats.spearmanr(first, second).statistic)
    assert kendall(first, second)[0] == pytest.approx(stats.kendalltau(first, second).statistic)


def test_many_rows_against_one_vector():
    generator = np.random.default_rng(1)
    rows, label = generator.normal(size=(300, 20)), generator.normal(size=20)
    assert kendall(rows, label) == pytest.approx([stats.kendalltau(row, label).statistic for row in rows])
    assert spearman(rows, label) == pytest.approx([stats.spearmanr(row, label).statistic for row in rows])


def test_rows_of_other_length_or_with_holes_are_refused():
    with pytest.raises(ValueError, match="cannot correlate"):
        kendall([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="missing"):
        spearman([1, float("nan"), 3], [1, 2, 3])


def test_logistic_fit_equals_scipys_optimum():
    generator = np.random.default_rng(2)
    x = generator.normal(size=(200, 3)) * [1.0, 5.0, 0.2]
    y = (generator.random(200) < 1 / (1 + np.exp(-x @ [1.0, -0.5, 2.0]))).astype(float)

    def loss(weights):
        margin = x @ weights
        return (np.logaddexp(0, margin) - y * margin).sum() + 0.5 * weights @ weights

    theirs = optimize.minimize(loss, np.zeros(3), tol=1e-12)
    assert fit_logistic(x, y, ridge=1.0) == pytest.approx(theirs.x, abs=1e-4)


def test_logistic_fit_recovers_the_weights_that_made_the_data():
    generator = np.random.default_rng(3)
    x = generator.normal(size=(20_000, 2))
    y = (generator.random(20_000) < 1 / (1 + np.exp(-x @ [0.8, -1.5]))).astype(float)
    assert fit_logistic(x, y) == pytest.approx([0.8, -1.5], abs=0.08)


def test_separable_outcomes_keep_finite_weights():
    x = np.linspace(-1, 1, 40)[:, None]
    weights = fit_logistic(x, (x[:, 0] > 0).astype(float), ridge=1e-3)
    assert np.isfinite(weights).all()
    assert weights[0] > 5


def test_folds_keep_clusters_whole_and_even():
    codes = np.repeat(np.arange(23), 4)
    folds = cluster_folds(codes, 5, seed=1)
    assert all(len(set(folds[codes == cluster])) == 1 for cluster in range(23))
    sizes = [len(set(codes[folds == fold])) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 1
    with pytest.raises(ValueError, match="folds"):
        cluster_folds(np.array([0, 0, 1]), 5)
