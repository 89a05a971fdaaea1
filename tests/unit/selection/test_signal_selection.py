"""Strata, seats and the order of what `signal` picks."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.errors import UserError
from bleuberi.selection.pick_signal import allot, check_strata, length_bins, select_by_signal

POOLS = st.lists(
    st.tuples(st.floats(0, 1, width=16), st.sampled_from("abcd"), st.booleans()), min_size=1, max_size=60
)  # signal, stratum, whether it is still a candidate after the drops


@given(POOLS, st.integers(1, 60))
def test_each_stratum_gives_its_strongest_and_the_seats_add_up(rows, count):
    strata = {str(place): (stratum,) for place, (_, stratum, _) in enumerate(rows)}
    signals = {str(place): signal for place, (signal, _, there) in enumerate(rows) if there}
    chosen = select_by_signal(signals, count, strata)
    assert len(chosen) == len(set(chosen)) == min(count, len(signals))
    assert [signals[row] for row in chosen] == sorted((signals[row] for row in chosen), reverse=True)
    for row in signals.keys() - set(chosen):
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
    signals = {"z": 0.5, "a": 0.5, "m": 0.7}
    assert select_by_signal(signals, 2, dict.fromkeys(signals, ())) == ["m", "z"]


def test_length_bins_are_quarters_named_by_their_range():
    bins = length_bins([4, 1, 2, 3, 8, 7, 6, 5])
    assert Counter(bins) == {"1-2 tokens": 2, "3-4 tokens": 2, "5-6 tokens": 2, "7-8 tokens": 2}
    assert bins[:2] == ["3-4 tokens", "1-2 tokens"]
    assert length_bins([5, 5, 5]) == ["5-5 tokens"] * 3


def test_unknown_strata_are_refused():
    with pytest.raises(UserError, match="`source,length`"):
        check_strata(["sauce"])
