"""Costs of runs, as a table with one row per arm."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.record import RunRecord
from bleuberi.view.parts import Cell, Table, count, number

_TOKENS = ("generated", "forward", "backward")


def cost_table(protocol: Protocol, records: Mapping[str, RunRecord]) -> Table:
    """Mean cost per run of each arm's model: data, the run it starts from, and training."""
    rows = []
    for arm in protocol.arms.values():
        costs = [record.cost.get("total") for record in records.values() if record.manifest["arm"] == arm.name]
        found = [cost for cost in costs if cost is not None]
        tokens = [fmean(cost[name]["tokens"] for cost in found) if found else None for name in _TOKENS]
        seconds = [fmean(cost["seconds"][name] for cost in found) if found else None for name in ("wall", "cpu")]
        cells = [count(0) if value is None else number(value, 0) for value in tokens]
        cells += [count(0) if value is None else number(value / 60, 1) for value in seconds]
        rows.append([Cell(arm.name), count(len(costs)), *cells])
    columns = ["arm", "runs", *(f"{name} tokens" for name in _TOKENS), "minutes", "CPU minutes"]
    title = "Cost per run, without its responses to the test prompts"
    return Table("costs", title, columns, rows, "docs/experiments.md says what is counted")
