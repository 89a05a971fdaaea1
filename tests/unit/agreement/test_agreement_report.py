"""The report reads `agreement.json` and nothing else: tables that fit."""

import json
from pathlib import Path

import pytest

from bleuberi.agreement.record import OnPairs, OnSystems, load_agreement
from bleuberi.agreement.view import agreement_section
from bleuberi.errors import UserError
from bleuberi.report.build import build
from bleuberi.view.parts import estimated
from bleuberi.view.terminal import print_section

ARTIFACTS = Path(__file__).parents[2] / "oracle/artifacts"


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
        "kind": "pairs", "counts": {"decisive_pairs": 40, "prompts": 20, "ties_of_people": 2}, "curves": [],
        "rewards": rewards,
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


@pytest.mark.parametrize(("kind", "form"), [("pairs", OnPairs), ("systems", OnSystems)])
def test_an_older_file_lacks_parts_and_is_shown(kind, form):
    folder = ARTIFACTS / kind
    record = load_agreement(folder)
    assert isinstance(record, form)
    assert {one.on_pairs[1] for one in record.rewards} == {None}  # length-balanced agreement is newer
    section = agreement_section(folder, "agreement", "made")
    assert "choice" not in [table.name for table in section.tables]
    assert section.lead == json.loads((folder / "agreement.json").read_text())["verdict"]


def test_a_damaged_part_is_named(tmp_path):
    made = result()
    made["rewards"][1]["agreement"]["n"] = "many"
    (tmp_path / "agreement.json").write_text(json.dumps(made))
    with pytest.raises(UserError, match=r"agreement\.json\.rewards\.1\.agreement\.n is 'many', not a whole number"):
        load_agreement(tmp_path)
    said = build([tmp_path])[0].notices[0].text
    assert said.endswith("could not be read: agreement.json.rewards.1.agreement.n is 'many', not a whole number.")


@pytest.mark.parametrize("content", ["{}", '{"kind": "other"}', '{"kind": ["pairs"]}', "[]"])
def test_a_file_of_no_known_kind_is_no_agreement(content, tmp_path):
    with pytest.raises(UserError, match="has no agreement"):
        load_agreement(tmp_path)
    (tmp_path / "agreement.json").write_text(content)
    with pytest.raises(UserError, match="has no agreement"):
        load_agreement(tmp_path)


@pytest.mark.parametrize("bounds", [(None, None), (float("-inf"), float("inf"))])
def test_an_unknown_interval_is_said(bounds):
    assert estimated(estimate(0.5, *bounds), ".1f", 100.0) == ("50.0 no interval", 50.0, None, None)
    assert estimated(estimate(0.5, 0.25, 0.75), "+.2f") == ("+0.50 [+0.25, +0.75]", 0.5, 0.25, 0.75)
    assert estimated(None) == estimated(estimate(None, None, None)) == ("", None, None, None)
