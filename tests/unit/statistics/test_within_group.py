"""Numbers of one group: its spread, what goes with what, and a mean that float32 keeps."""

import itertools
import random

import numpy as np
import pytest

from bleuberi.statistics.within_group import flat_value, rank_correlation, spread


def test_spread_is_the_sample_standard_deviation_of_what_has_a_number():
    assert spread([1.0, None, 3.0]) == pytest.approx(2**0.5)
    assert spread([0.2, 0.2]) == 0.0
    assert spread([0.2, None]) == spread([]) == 0.0


def test_rank_correlation_within_a_group():
    assert rank_correlation([0.1, 0.5, 0.9], [3, 40, 41]) == pytest.approx(1.0)
    assert rank_correlation([0.9, None, 0.1], [1, 99, 2]) == pytest.approx(-1.0)
    assert rank_correlation([0.5, 0.5], [1, 2]) is None
    assert rank_correlation([0.5, 0.7, None], [2, 2, 9]) is None


@pytest.mark.parametrize("copies", [2, 3, 6, 7, 8, 12, 16, 31])
def test_the_mean_of_equal_flat_values_is_that_value_in_float32(copies):
    draw = random.Random(copies)
    for _ in range(200):
        values = [draw.random() ** 4 for _ in range(copies)]
        flat = flat_value(values, copies)
        assert flat == pytest.approx(np.mean(values), rel=copies * 2.0**-22)
        for count in range(1, copies + 1):
            total = np.float32(0)
            for _ in range(count):
                total = np.float32(total + np.float32(flat))
            assert total / np.float32(count) == np.float32(flat)


def test_a_plain_mean_would_not_do():
    found = 0
    for value in np.linspace(0.1, 0.9, 200, dtype=np.float32):
        total = np.float32(0)
        for _ in range(6):
            total = np.float32(total + value)
        found += total / np.float32(6) != value
    assert found > 10


def test_flat_values_of_several_rewards_add_up_exactly():
    draw = random.Random(0)
    for _ in range(200):
        first, second = (flat_value([draw.random() ** power], 8, least_scale=2.0) for power in (1, 6))
        row = np.float32(np.float32(first) + np.float32(second))
        assert float(row) == first + second
        total = np.float32(0)
        for _ in range(8):
            total = np.float32(total + row)
        assert total / np.float32(8) == row


def test_the_flat_value_of_nothing_is_zero():
    assert flat_value([0.0, 0.0], 2) == 0.0
    for first, second in itertools.pairwise([flat_value([value], 8) for value in (-3.0, -0.1, 0.1, 3.0)]):
        assert first < second
