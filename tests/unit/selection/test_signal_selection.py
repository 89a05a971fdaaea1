"""Strata, seats and the order of what `signal` picks."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.errors import UserError
from bleuberi.selection.pick_signal import allot, binned, check_strata, select_by_signal

POOLS = st.lists(
    st.tuples(st.floats(0, 1, width=16), st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=60
)  # signal, stratum, whether it is still a candidate after the drops


@given(POOLS, st.integers(1, 60))
def test_each_stratum_gives_its_strongest_and_the_seats_add_up(rows, count):
    shares = Counter((stratum,) for _, stratum, _ in rows)
    strata = [(stratum,) for _, stratum, there in rows if there]
    signals = [signal for signal, _, there in rows if there]
    chosen = select_by_signal(np.array(signals), count, strata, shares).tolist()
    assert len(chosen) == len(set(chosen)) == min(count, len(signals))
    assert [signals[row] for row in chosen] == sorted((signals[row] for row in chosen), reverse=True)
    for row in set(range(len(signals))) - set(chosen):
        mates = [other for other in chosen if strata[other] == strata[row]]
        assert all(signals[other] >= signals[row] for other in mates)


@given(st.dictionaries(st.tuples(st.sampled_from("abcdef")), st.integers(1, 50), min_size=1), st.integers(0, 40))
def test_with_room_for_all_the_mix_is_kept_to_within_one_seat(shares, count):
    total = sum(shares.values())
    seats = allot(count, shares, dict.fromkeys(shares, 1000))
    assert sum(seats.values()) == count
    for stratum, share in shares.items():
        assert abs(seats[stratum] - count * share / total) < 1


def test_what_a_stratum_cannot_fill_goes_to_the_others_in_proportion():
    shares = {("a",): 50, ("b",): 30, ("c",): 20}
    assert allot(10, shares, {("a",): 0, ("b",): 99, ("c",): 99}) == {("a",): 0, ("b",): 6, ("c",): 4}
    assert allot(10, shares, {("a",): 99, ("b",): 1, ("c",): 99}) == {("a",): 6, ("b",): 1, ("c",): 3}


def test_ties_keep_the_pools_order():
    assert select_by_signal(np.array([0.5, 0.5, 0.7]), 2, [()] * 3, {(): 3}).tolist() == [2, 0]


def test_length_bins_are_quarters_named_by_their_range():
    bins, ranges = binned([4, 1, 2, 3, 8, 7, 6, 5])
    assert ranges == ["1-2 tokens", "3-4 tokens", "5-6 tokens", "7-8 tokens"]
    assert Counter(bins.tolist()) == dict.fromkeys(range(4), 2)
    assert bins[:2].tolist() == [1, 0]
    bins, ranges = binned([5, 5, 5])
    assert (bins.tolist(), ranges) == ([0, 0, 0], ["5-5 tokens"])


def test_unknown_strata_are_refused():
    with pytest.raises(UserError, match="`source,length`"):
        check_strata(["sauce"])
