"""The report section of `bleuberi headroom --output headroom.json`. Reads the file; measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bleuberi.selection.headroom_record import HeadroomRecord
from bleuberi.statistics import Difference
from bleuberi.statistics.shown import finite, numbers, percent
from bleuberi.statistics.shown import number as shown_number
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Cell, Chart, Fact, Section, Table, estimated, number


def headroom_section(folder: Path, id_: str, name: str) -> Section:
    """The verdict, the share of prompts without a gradient, and each gain over the baseline with its interval."""
    record = HeadroomRecord.load(folder)
    found = record.headroom
    metric, baseline, gains = found.metric, found.baseline, found.gains
    said = {gain: record.meanings.get(gain, gain) for gain in gains}
    facts = [
        Fact("prompts", f"{found.prompts:,}", f"{found.samples} samples each"),
        Fact(f"baseline ({baseline})", shown_number(found.means[baseline]), metric),
        Fact("without spread", percent(found.no_spread, 0), "prompts whose samples all score the same"),
        Fact("at the floor", percent(found.at_floor, 0), "prompts whose samples score no more than unrelated texts"),
        Fact("spread", shown_number(found.deviation), "mean standard deviation within a prompt"),
    ]
    note = "paired by prompt, 95 % intervals; a gain of training is not predicted"
    chart = Chart("gains", f"Gain over {baseline}", intervals(_dots(gains, said), metric, lines=[0.0]), note,
                  found.signature)  # fmt: skip
    rows = [[Cell(f"baseline: {baseline}"), number(finite(found.means[baseline])), Cell("")]]
    rows += [[Cell(said[gain]), number(finite(found.means[gain])), estimated(gains[gain], "+.3f")] for gain in gains]
    columns = ["responses", f"mean {metric}", f"gain over {baseline} [95 %]"]
    table = Table("gains", "What there is to gain", columns, rows, note, found.signature)
    return Section(
        id_, "headroom", "Headroom", name, found.sentence, facts, charts=[chart] if gains else [],
        tables=[table], signatures={metric: found.signature},
    )  # fmt: skip


def _dots(gains: Mapping[str, Difference], said: Mapping[str, str]) -> list[dict[str, Any]]:
    dots = []
    for gain, found in gains.items():
        value, low, high = numbers(found)
        dots.append({"name": said[gain], "value": value, "low": low, "high": high, "group": "gain"})
    return dots
