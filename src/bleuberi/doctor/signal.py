"""Report how much a `signal` data set's samples differ, as a forecast for a GRPO run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

from bleuberi.doctor.findings import Report
from bleuberi.selection.record import SelectionRecord
from bleuberi.statistics.shown import number

_MOST_AT_FLOOR: Final = 0.5


def check_signal(report: Report, folder: Path) -> None:
    """Report the spread of the samples by which the rows were chosen. Does nothing for other data sets."""
    record = SelectionRecord.load(folder)
    if record is None or record.signal is None:
        return
    candidates, floor = record.signal.candidates, record.dropped.get("with all samples at the floor", 0)
    spread = next((made for name, made in record.distributions.items() if name.endswith("_deviation")), None)
    text = f"{record.signal.samples_of_a_prompt} samples per prompt of {candidates + floor:,} prompts: "
    text += f"all at the floor for {floor:,}"
    if spread is not None and spread.picked.mean is not None:
        text += f"; standard deviation within a prompt {number(spread.pool.mean)}, of the picked ones "
        text += number(spread.picked.mean)
    cure = f"See what there is to gain: bleuberi headroom --input_data_path {shlex.quote(str(folder))}"
    stuck = floor > _MOST_AT_FLOOR * (candidates + floor)
    report.numbers["signal"] = {"candidates": candidates, "at_floor": floor}
    report.add("samples", "warning" if stuck else "ok", text, cure if stuck else "")
