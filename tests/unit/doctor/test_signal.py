"""What the doctor says of the samples that a data set was chosen by."""

from dataclasses import replace

import pytest

from bleuberi.artifacts import write_json
from bleuberi.doctor.findings import Report
from bleuberi.doctor.signal import check_signal
from bleuberi.selection.record import Distribution, SelectionRecord, Signal, Summary

RECORD = SelectionRecord(
    selection_mode="signal",
    reward_signature="bleu|v:1",
    rows_in=40,
    kept=9,
    dropped={"with all samples at the floor": 10},
    signal=Signal(8, ("length",), 0.0, None, "rank", 8, 0.7, 30, "method", "method", "score <= floor"),
    distributions={"bleu_deviation": Distribution(Summary(30, 0.05), Summary(9, 0.09), (0, 1), (30,), (9,))},
    source_mix={},
    reference_length_mix={},
    rows=(),
)


@pytest.mark.parametrize(("at_floor", "verdict"), [(10, "ok"), (31, "warning")])
def test_the_spread_of_the_samples_is_reported(tmp_path, at_floor, verdict):
    """The record that `data grpo` writes, not one made up here: its candidates are below `signal`."""
    record = replace(RECORD, dropped={"with all samples at the floor": at_floor})
    write_json(tmp_path / "selection.json", record.document())
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
    write_json(tmp_path / "selection.json", replace(RECORD, selection_mode="hard", signal=None).document())
    check_signal(report, tmp_path)
    assert report.findings == []
