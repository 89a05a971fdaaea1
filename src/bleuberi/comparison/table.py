"""Costs of runs, as a table with one row per arm."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.record import RunRecord
from bleuberi.comparison.search_costs import Searched
from bleuberi.view.parts import Cell, Table, count, number


def cost_table(protocol: Protocol, records: Mapping[str, RunRecord], searched: Mapping[str, Searched]) -> Table:
    """Mean cost per run of each arm's model (data, start run, training), and the cost of the search for its
    settings."""
    rows = []
    for arm in protocol.arms.values():
        costs = [record.cost.get("total") for record in records.values() if record.arm == arm.name]
        found = [cost for cost in costs if cost is not None]
        passes = zip(*((cost.generated, cost.forward, cost.backward) for cost in found), strict=True)
        minutes = zip(*((cost.seconds.wall / 60, cost.seconds.cpu / 60) for cost in found), strict=True)
        cells = [number(fmean(one.tokens for one in each), 0) for each in passes]
        cells += [number(fmean(each), 1) for each in minutes]
        cells = cells or [count(0)] * 5
        if searched:
            cells.append(Cell(_search_words(searched[arm.name]) if arm.name in searched else ""))
        rows.append([Cell(arm.name), count(len(costs)), *cells])
    columns = ["arm", "runs", "generated tokens", "forward tokens", "backward tokens", "minutes", "CPU minutes"]
    columns += ["search"] if searched else []
    title = "Cost per run, without its responses to the test prompts"
    return Table("costs", title, columns, rows, "docs/experiments.md says what is counted")


def _search_words(one: Searched) -> str:
    cost = f"{one.cost.token_passes:,} token passes, {one.cost.seconds.wall / 60:.1f} minutes"
    return f"{one.settings} settings, {one.runs} runs: {cost}"
