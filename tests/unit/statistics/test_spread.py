"""Lower bounds of standard deviations and the reliability of a ranking, against simulations with a known answer."""

import numpy as np
import pytest

from bleuberi.statistics.spread import deviation_lower_bounds, pooled_kurtosis, split_half_reliability


def made(rows, k, seed=0):
    """Rows of normal rewards and their true standard deviations, which differ."""
    generator = np.random.default_rng(seed)
    deviations = generator.uniform(0.02, 0.3, rows)
    return generator.normal(0.2, deviations[:, None], (rows, k)), deviations


@pytest.mark.parametrize("k", [4, 8, 16])
def test_the_bound_lies_below_the_truth_about_as_often_as_it_says(k):
    samples, deviations = made(3000, k)
    share = np.mean(np.array(deviation_lower_bounds(samples.tolist())) <= deviations)
    assert 0.88 < share < 0.985


def test_heavier_tails_lower_the_bound():
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(500, 8)).tolist()
    spiky = np.where(generator.random((500, 8)) < 0.1, 5.0, generator.normal(0, 0.1, (500, 8))).tolist()
    assert pooled_kurtosis(normal) == pytest.approx(3, abs=0.15)
    row = [0.1, 0.2, 0.3, 0.2]
    assert deviation_lower_bounds([row, *spiky])[0] < deviation_lower_bounds([row, *normal])[0] < np.std(row, ddof=1)


def test_fewer_samples_are_bounded_lower_and_equal_numbers_keep_the_order():
    samples, _ = made(50, 8)
    eight = samples.tolist()
    bounds = deviation_lower_bounds(eight)
    assert np.argsort(bounds).tolist() == np.argsort(samples.std(axis=1, ddof=1)).tolist()
    same = [0.1, 0.3, 0.1, 0.3]
    four, twelve = deviation_lower_bounds([same, same * 3, *eight])[:2]
    assert four / np.std(same, ddof=1) < twelve / np.std(same * 3, ddof=1)


def test_among_mixed_numbers_of_samples_the_bound_ranks_better_than_the_estimate():
    deviations = np.random.default_rng(1).uniform(0.1, 0.2, 4000)
    generator = np.random.default_rng(2)
    rows = [
        generator.normal(0, deviation, 4 if place % 2 else 32).tolist() for place, deviation in enumerate(deviations)
    ]
    bounds, plain = np.array(deviation_lower_bounds(rows)), np.array([np.std(row, ddof=1) for row in rows])
    best = [deviations[np.argsort(-rank, kind="stable")[:400]].mean() for rank in (bounds, plain)]
    assert best[0] > best[1] + 0.005


def test_reliability_is_high_for_real_differences_and_near_zero_for_none():
    samples, _ = made(800, 16)
    assert split_half_reliability(samples) > 0.85
    alike = np.random.default_rng(3).normal(0, 1, (2000, 8))
    assert abs(split_half_reliability(alike)) < 0.1


def test_without_a_ranking_there_is_no_reliability():
    assert np.isnan(split_half_reliability([[0.5] * 8] * 10))
    assert np.isnan(split_half_reliability(np.tile([0.1, 0.2, 0.3, 0.4], (10, 1))))
    one_odd = [[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    assert -1 <= split_half_reliability(one_odd) <= 1


def test_reliability_foretells_the_correlation_of_two_full_rankings():
    samples, _ = made(3000, 8)
    again = np.random.default_rng(9).normal(0.2, made(3000, 8)[1][:, None], (3000, 8))
    from scipy.stats import spearmanr

    actual = spearmanr(samples.std(axis=1, ddof=1), again.std(axis=1, ddof=1)).statistic
    assert split_half_reliability(samples) == pytest.approx(actual, abs=0.04)


def test_what_cannot_be_told():
    assert np.isnan(split_half_reliability([[1.0, 2.0, 3.0]] * 5))
    assert deviation_lower_bounds([[0.5] * 4, [0.5] * 8]) == [0.0, 0.0]
    with pytest.raises(ValueError, match="fewer than 4"):
        deviation_lower_bounds([[1.0, 2.0, 3.0]])
