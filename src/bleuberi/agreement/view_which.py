"""The page's part on which reward to train on: length-balanced agreement, best-of-n, and references alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bleuberi.agreement.view_tables import KINDS, agreement_tables
from bleuberi.view.charts import intervals
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Chart, Fact, Notice, Section
from bleuberi.view.reading import Json, estimate


def references_section(result: Json, id_: str, name: str) -> Section:
    """A reward chosen from references alone."""
    how = f"{result['sureness']['confidence']:.0%} intervals, {result['sureness']['resamples']:,} resamples"
    facts = [
        Fact(label, f"{result['counts'][label]:,}") for label in ("prompts", "references", "samples")
    ]  # fmt: skip
    notices = [Notice("verdict", str(result["verdict"])), *(Notice("note", str(text)) for text in result["warnings"])]
    charts = dots(
        "damage",
        "How often a score falls if the answer is damaged",
        _rows(result, "sees"),
        ("% of cases, mean over kinds of damage", ".1f"),
        f"{how}, over prompts; dashed: a coin",
        [50],
    )
    signatures = {one["name"]: str(one["signature"]) for one in result["rewards"]}
    verdict = str(result["verdict"])
    tables = agreement_tables(result, how)
    return Section(
        id_, "agreement", "Rewards by references alone", name, verdict, facts, notices, charts, tables, [], signatures
    )


def which_charts(result: Json, how: str) -> list[Chart]:
    """Length-balanced agreement, and the curves of best-of-n."""
    key = "balanced" if result["kind"] == "pairs" else "answer_pairs_balanced"
    charts = dots(
        "balanced",
        "Length-balanced agreement",
        _rows(result, key),
        ("% of pairs", ".1f"),
        f"mean of pairs that the longer and that the shorter response wins; {how}; dashed: length alone",
        [50],
    )
    found = result.get("best_of_n") or {}
    shown = {one["name"] for one in result["rewards"] if one["kind"] != "baseline"} | {result["length_baseline"]}
    for part, title in (("label", f"Mean {result.get('label')} of the pick from n answers"), ("words", "Its words")):
        values = [
            {"step": one["n"], "series": one["reward"], "value": one[part]["value"]}
            for one in found.get("curves", [])
            if one["reward"] in shown
        ]
        if values:
            spec = lines(values, str(result.get("label")) if part == "label" else "words", form=".3~g")
            sizes = sorted({row["step"] for row in values})
            spec["encoding"]["x"]["axis"] |= {"title": "n, answers to pick from", "values": sizes}
            charts.append(Chart(f"best_of_n_{part}", title, spec, f"{found['prompts']:,} prompts; exact expectation"))
    return charts


def dots(
    name: str,
    title: str,
    rows: Sequence[dict[str, Any] | None],
    axis: tuple[str, str],
    note: str,
    marked: Sequence[float | None],
) -> list[Chart]:
    """A chart of estimates with intervals; none if no estimate is known. `axis`: its label and number format."""
    known = [row for row in rows if row]
    spec = intervals(known, axis[0], form=axis[1], lines=marked)
    return [Chart(name, title, spec, note, wide=True)] if known else []


def row_of(name: str, value: Json | None, group: str, scale: float = 100.0) -> dict[str, Any] | None:
    """A row of `dots`, in per cent with the default `scale`; None if there is no estimate."""
    middle, low, high = estimate(value)
    if middle is None:
        return None
    bounds = {"low": None if low is None else scale * low, "high": None if high is None else scale * high}
    return {"name": name, "group": group, "value": scale * middle, **bounds}


def _rows(result: Json, key: str) -> list[dict[str, Any] | None]:
    named = [one for one in result["rewards"] if one["name"] != "random"]
    return [row_of(one["name"], one.get(key), KINDS.get(one["kind"], one["kind"])) for one in named]
