"""Means over seeds: exact where they must be, and intervals that hold what they promise."""

import numpy as np
import pytest

from bleuberi.statistics import group_difference, group_mean, mean_estimate, paired_difference, resampled_means


def test_one_seed_is_the_plain_estimate():
    values = np.random.default_rng(0).normal(size=(40, 2))
    means = resampled_means(values)
    assert group_mean(means, [1]) == mean_estimate(list(values[:, 1]))
    assert group_difference(means, [0], [1]) == paired_difference(list(values[:, 0]), list(values[:, 1]))


def test_the_value_is_the_mean_over_prompts_and_seeds_and_swapping_sides_mirrors_it():
    values = np.random.default_rng(1).normal(size=(30, 5))
    means = resampled_means(values)
    found = group_difference(means, [0, 1], [2, 3, 4])
    assert found.value == pytest.approx(values[:, 2:].mean() - values[:, :2].mean())
    mirrored = group_difference(means, [2, 3, 4], [0, 1])
    assert mirrored.value == pytest.approx(-found.value)
    assert mirrored.high - mirrored.low == pytest.approx(found.high - found.low, rel=0.05)
    assert "over seeds (2 and 3)" in found.method


def test_seeds_that_differ_widen_the_interval_and_equal_seeds_do_not():
    generator = np.random.default_rng(2)
    base, gain = generator.normal(size=(100, 1)), 0.3 + 0.1 * generator.normal(size=(100, 1))
    equal = resampled_means(np.hstack([base, base + gain, base + gain, base + gain]))
    apart = resampled_means(np.hstack([base, base + gain - 0.25, base + gain, base + gain + 0.25]))
    alone = group_difference(equal, [0], [1])
    narrow, wide = group_difference(equal, [0], [1, 2, 3]), group_difference(apart, [0], [1, 2, 3])
    assert narrow.high - narrow.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert narrow.low > 0
    assert wide.low < 0 < wide.value
    assert narrow.value == pytest.approx(wide.value)


def test_one_prompt_tells_nothing_of_the_spread():
    found = group_mean(resampled_means([[0.1, 0.3]]), [0, 1])
    assert (found.value, found.low, found.high) == (pytest.approx(0.2), -np.inf, np.inf)


@pytest.mark.parametrize(("between_seeds", "between_prompts"), [(0.02, 0.1), (0.1, 0.05)])
def test_intervals_cover_the_truth_as_often_as_they_say(between_seeds, between_prompts):
    generator = np.random.default_rng(3)

    def covers():
        base = generator.normal(0, between_prompts, (60, 1))
        gain = 0.3 + 0.5 * base + generator.normal(0, between_prompts, (60, 1))
        other = gain + generator.normal(0, between_seeds, (1, 3)) + generator.normal(0, 0.05, (60, 3))
        found = group_difference(resampled_means(np.hstack([base, other]), resamples=300), [0], [1, 2, 3])
        return found.low <= 0.3 <= found.high

    # 95 % of 300 are 285, with a standard deviation of 3.8.
    assert 271 <= sum(covers() for _ in range(300)) <= 299
