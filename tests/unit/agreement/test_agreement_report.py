"""The report reads `agreement.json` and nothing else: tables that fit."""

import json

import pytest

from bleuberi.agreement.view import agreement_section
from bleuberi.view.parts import estimated
from bleuberi.view.terminal import print_section


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
def test_tables_keep_names_and_numbers_whole_at_any_width(width, tmp_path, monkeypatch, capsys):
    (tmp_path / "agreement.json").write_text(json.dumps(result()))
    monkeypatch.setenv("COLUMNS", str(width))
    print_section(agreement_section(tmp_path, "agreement", "made"))
    text = capsys.readouterr().out
    for whole in ("a_reward_with_a_long_name", "70.0", "+10.0 [+2.0, +18.0]", "0.02", "Note: care", "Said."):
        assert whole in text
    assert ("equal length" in text) == (width == 160)


@pytest.mark.parametrize("bounds", [(None, None), (float("-inf"), float("inf"))])
def test_an_unknown_interval_is_said(bounds):
    assert estimated(estimate(0.5, *bounds), ".1f", 100.0) == ("50.0 no interval", 50.0, None, None)
    assert estimated(estimate(0.5, 0.25, 0.75), "+.2f") == ("+0.50 [+0.25, +0.75]", 0.5, 0.25, 0.75)
    assert estimated(None) == estimated(estimate(None, None, None)) == ("", None, None, None)
