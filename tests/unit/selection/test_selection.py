"""Every mode picks the rows that an independent computation picks, ties included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bleuberi.selection import pick
from bleuberi.selection.pick import select_random

pd = pytest.importorskip("pandas")

TIED_SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.25000000001, 0.5, 1.0]), min_size=1, max_size=40)


def select(scores, mode, count):
    ids = list(scores)
    return [ids[place] for place in pick.select(np.array(list(scores.values())), mode, count)]


def by_pandas(scores, mode, count):
    """Cut the window out of the sorted table, then show it from the highest score to the lowest."""
    table = pd.DataFrame({"id": list(scores), "score": list(scores.values()), "place": range(len(scores))})
    ordered = table.sort_values(["score", "place"], ascending=[mode != "easy", True]).reset_index(drop=True)
    count = len(table) if count is None else min(count, len(table))
    start = {"hard": 0, "easy": 0, "medium": (len(table) - count) // 2}[mode]
    window = ordered.iloc[start : start + count]
    return list(window.sort_values(["score", "place"], ascending=[False, True])["id"])


@given(values=TIED_SCORES, mode=st.sampled_from(["hard", "easy", "medium"]), count=st.none() | st.integers(1, 45))
def test_the_same_rows_in_the_same_order_as_pandas(values, mode, count):
    scores = {f"row{place}": value for place, value in enumerate(values)}
    assert select(scores, mode, count) == by_pandas(scores, mode, count)


@given(values=TIED_SCORES)
def test_without_a_count_all_rows_stand_from_high_to_low_and_ties_in_pool_order(values):
    scores = {str(place): value for place, value in enumerate(values)}
    kept = select(scores, "hard", None)
    assert sorted(kept) == sorted(scores)
    assert kept == [str(place) for place in np.argsort([-value for value in values], kind="stable")]


def test_a_small_case_by_hand():
    scores = {"a": 0.3, "b": 0.1, "c": 0.3, "d": 0.2, "e": 0.1, "f": 0.9}
    assert select(scores, "hard", 3) == ["d", "b", "e"]
    assert select(scores, "easy", 2) == ["f", "a"], "of tied rows the pool's first"
    assert select(scores, "medium", 3) == ["a", "d", "e"]


@given(total=st.integers(1, 60), count=st.integers(1, 70), seed=st.integers(0, 2**32 - 1))
def test_random_draws_what_numpy_random_state_draws(total, count, seed):
    ids = [f"row{place}" for place in range(total)]
    drawn = np.random.RandomState(seed).choice(total, min(count, total), replace=False)
    chosen = [ids[place] for place in select_random(total, count, seed)]
    assert chosen == ([ids[place] for place in drawn] if count < total else ids)


def test_random_draws_the_rows_it_has_always_drawn():
    assert select_random(10, 4, 42).tolist() == [8, 1, 5, 0]
