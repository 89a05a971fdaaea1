"""The report section on the choice of a reward: length-balanced agreement, best-of-n, and references only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bleuberi.agreement.record import OnPairs, OnReferences, OnSystems
from bleuberi.agreement.record_parts import Score
from bleuberi.agreement.view_tables import KINDS, agreement_tables
from bleuberi.statistics import Estimate
from bleuberi.statistics.shown import Estimated, numbers
from bleuberi.view.charts import intervals
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Chart, Fact, Notice, Section


def references_section(result: OnReferences, id_: str, name: str) -> Section:
    """The section on rewards compared with references only."""
    facts = [Fact(label, f"{count:,}") for label, count in asdict(result.counts).items()]
    notices = [Notice("verdict", result.verdict), *(Notice("note", text) for text in result.warnings)]
    charts = dots(
        "damage",
        "How often a score falls if the answer is damaged",
        _rows((one, one.sees) for one in result.rewards),
        ("% of cases, mean over kinds of damage", ".1f"),
        f"{result.how}, over prompts; dashed: a coin",
        [50],
    )
    signatures = {one.name: one.signature for one in result.rewards}
    title, tables = "Rewards by references alone", agreement_tables(result)
    return Section(id_, "agreement", title, name, result.verdict, facts, notices, charts, tables, [], signatures)


def balanced_charts(result: OnPairs | OnSystems) -> list[Chart]:
    """Charts of length-balanced agreement."""
    return dots(
        "balanced",
        "Length-balanced agreement",
        _rows((one, one.on_pairs[1]) for one in result.rewards),
        ("% of pairs", ".1f"),
        f"mean of pairs that the longer and that the shorter response wins; {result.how}; dashed: length alone",
        [50],
    )


def best_of_charts(result: OnSystems) -> list[Chart]:
    """The curves of best-of-n."""
    picks = result.best_of_n
    shown = {one.name for one in result.rewards if one.kind != "baseline"} | {result.length_baseline}
    chosen = [one for one in picks.curves if one.reward in shown]
    if not chosen:
        return []
    charts = []
    for part, title, axis, estimates in (
        ("label", f"Mean {result.label} of the pick from n answers", result.label, [one.label for one in chosen]),
        ("words", "Its words", "words", [one.words for one in chosen]),
    ):
        values = [
            {"step": one.n, "series": one.reward, "value": estimate.value}
            for one, estimate in zip(chosen, estimates, strict=True)
        ]
        spec = lines(values, axis, form=".3~g")
        sizes = sorted({one.n for one in chosen})
        spec["encoding"]["x"]["axis"] |= {"title": "n, answers to pick from", "values": sizes}
        charts.append(Chart(f"best_of_n_{part}", title, spec, f"{picks.prompts:,} prompts; exact expectation"))
    return charts


def dots(
    name: str,
    title: str,
    rows: Sequence[dict[str, Any] | None],
    axis: tuple[str, str],
    note: str,
    marked: Sequence[float | None],
) -> list[Chart]:
    """A chart of estimates with intervals; an empty list if no estimate is known. `axis`: its label and number
    format."""
    known = [row for row in rows if row]
    spec = intervals(known, axis[0], form=axis[1], lines=marked)
    return [Chart(name, title, spec, note, wide=True)] if known else []


def row_of(name: str, value: Estimated | None, group: str, scale: float = 100.0) -> dict[str, Any] | None:
    """A row of `dots`, in per cent with the default `scale`; None if there is no estimate."""
    middle, low, high = numbers(value)
    if middle is None:
        return None
    bounds = {"low": None if low is None else scale * low, "high": None if high is None else scale * high}
    return {"name": name, "group": group, "value": scale * middle, **bounds}


def _rows(scores: Iterable[tuple[Score, Estimate | None]]) -> list[dict[str, Any] | None]:
    return [
        row_of(one.name, estimate, KINDS.get(one.kind, one.kind)) for one, estimate in scores if one.name != "random"
    ]
