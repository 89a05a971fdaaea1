"""What the samples of a `signal` data set say about a GRPO run on it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bleuberi.artifacts import read_json
from bleuberi.doctor.findings import Report
from bleuberi.selection.record import SELECTION_RECORD

_MOST_AT_FLOOR: Final = 0.5


def check_signal(report: Report, folder: Path) -> None:
    """The spread of the samples that the rows were chosen by; nothing for other data sets."""
    path = folder / SELECTION_RECORD
    record = read_json(path) if path.is_file() else {}
    if record.get("selection_mode") != "signal":
        return
    candidates, floor = record["candidates"], record["dropped"].get("with all samples at the floor", 0)
    spread = next((made for name, made in record["distributions"].items() if name.endswith("_deviation")), None)
    text = f"{record['samples_of_a_prompt']} samples per prompt of {candidates + floor:,} prompts: "
    text += f"all at the floor for {floor:,}"
    if spread is not None and spread["picked"].get("mean") is not None:
        text += f"; standard deviation within a prompt {spread['pool']['mean']:.3f}, of the picked ones "
        text += f"{spread['picked']['mean']:.3f}"
    cure = f"See what there is to gain: bleuberi headroom --input_data_path {folder}"
    stuck = floor > _MOST_AT_FLOOR * (candidates + floor)
    report.numbers["signal"] = {"candidates": candidates, "at_floor": floor}
    report.add("samples", "warning" if stuck else "ok", text, cure if stuck else "")
