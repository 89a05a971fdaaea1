"""The report reads `agreement.json` and nothing else: tables that fit."""

from io import StringIO

import pytest
from rich.console import Console

from bleuberi.agreement.table import bounds, pairs_table, print_agreement, span


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high, "n": 40, "n_clusters": 20, "method": "m"}


def result():
    """What the file says of one reward and one baseline, as after a round trip through JSON."""
    rewards = [
        {
            "name": name, "kind": kind, "signature": name, "agreement": estimate(value, None, None), "metric_ties": 3,
            "agreement_with_ties": None, "subsets": {"length_matched": None}, "sources": {}, "details": {},
        }
        for name, kind, value in (("a_reward_with_a_long_name", "reward", 0.7), ("longer_words", "baseline", 0.6))
    ]  # fmt: skip
    lead = {"base": "longer_words", "other": "a_reward_with_a_long_name", "p_value": 0.02}
    return {
        "kind": "pairs", "counts": {"decisive_pairs": 40, "prompts": 20}, "curves": [], "rewards": rewards,
        "sureness": {"confidence": 0.95, "resamples": 100}, "length_baseline": "longer_words", "verdict": "Said.",
        "comparisons": [{**lead, "difference": estimate(0.1, 0.02, 0.18)}], "warnings": ["care"],
        "annotators": {"with_others": None},
    }  # fmt: skip


@pytest.mark.parametrize("width", [80, 160])
def test_tables_keep_names_and_numbers_whole_at_any_width(width):
    console = Console(file=StringIO(), width=width)
    print_agreement(result(), console)
    text = console.file.getvalue()
    for whole in ("a_reward_with_a_long_name", "70.0", "+10.0 [+2.0, +18.0]", "0.02", "note: care", "Said."):
        assert whole in text
    assert ("equal length" in text) == (width == 160)


def test_no_interval_leaves_its_place_empty():
    assert bounds(estimate(0.5, None, None)) == ""
    assert bounds(estimate(0.5, float("-inf"), float("inf"))) == ""
    assert span(estimate(0.5, None, None)) == ""
    assert pairs_table(result()).row_count == 2
