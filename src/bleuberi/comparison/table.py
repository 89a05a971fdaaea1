"""Costs of runs, as a Markdown table with one line per arm."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean

from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.record import RunRecord

_HEADER = ("arm", "runs", "generated tokens", "forward tokens", "backward tokens", "minutes", "CPU minutes")


def cost_table(protocol: Protocol, records: Mapping[str, RunRecord]) -> str:
    """Mean cost per run of each arm's model: data, the run it starts from, and training."""
    lines = ["Cost per run, without its responses to the test prompts (docs/experiments.md says what is counted):", ""]
    lines += ["| " + " | ".join(_HEADER) + " |", "| --- |" + " ---: |" * (len(_HEADER) - 1)]
    for arm in protocol.arms.values():
        costs = [record.cost.get("total") for record in records.values() if record.manifest["arm"] == arm.name]
        found = [cost for cost in costs if cost is not None]
        cells = [arm.name, str(len(costs))]
        if found:
            cells += [
                f"{fmean(cost[name]['tokens'] for cost in found):,.0f}" for name in ("generated", "forward", "backward")
            ]
            cells += [f"{fmean(cost['seconds'][name] for cost in found) / 60:.1f}" for name in ("wall", "cpu")]
        else:
            cells += ["0"] * 5
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
