"""What the doctor says of the samples that a data set was chosen by."""

import json

import pytest

from bleuberi.doctor.findings import Report
from bleuberi.doctor.signal import check_signal

RECORD = {
    "selection_mode": "signal",
    "samples_of_a_prompt": 8,
    "candidates": 30,
    "dropped": {"with all samples at the floor": 10},
    "distributions": {"bleu_deviation": {"pool": {"rows": 30, "mean": 0.05}, "picked": {"rows": 9, "mean": 0.09}}},
}


@pytest.mark.parametrize(
    ("changed", "verdict"), [({}, "ok"), ({"dropped": {"with all samples at the floor": 31}}, "warning")]
)
def test_the_spread_of_the_samples_is_reported(tmp_path, changed, verdict):
    (tmp_path / "selection.json").write_text(json.dumps({**RECORD, **changed}))
    report = Report()
    check_signal(report, tmp_path)
    (found,) = report.findings
    assert found.verdict == verdict
    assert "8 samples per prompt" in found.text
    assert "standard deviation within a prompt 0.050, of the picked ones 0.090" in found.text
    assert ("bleuberi headroom" in found.cure) == (verdict == "warning")


def test_other_data_sets_have_nothing_to_say(tmp_path):
    report = Report()
    check_signal(report, tmp_path)
    (tmp_path / "selection.json").write_text(json.dumps({**RECORD, "selection_mode": "hard"}))
    check_signal(report, tmp_path)
    assert report.findings == []
