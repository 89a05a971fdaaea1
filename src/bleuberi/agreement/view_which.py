"""The page's part on which reward to train on: length-balanced agreement, best-of-n, and references alone."""

from __future__ import annotations

from typing import Any

from bleuberi.agreement.which_tables import tables_of
from bleuberi.statistics.shown import has_interval
from bleuberi.view.charts import intervals
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table
from bleuberi.view.reading import Json, estimate


def references_section(result: Json, id_: str, name: str) -> Section:
    """A reward chosen from references alone."""
    how = f"{result['sureness']['confidence']:.0%} intervals, {result['sureness']['resamples']:,} resamples"
    facts = [
        Fact(label, f"{result['counts'][label]:,}") for label in ("prompts", "references", "samples")
    ]  # fmt: skip
    notices = [Notice("verdict", str(result["verdict"])), *(Notice("note", str(text)) for text in result["warnings"])]
    rows = [_row(one["name"], one["sees"], one["kind"]) for one in result["rewards"]]
    charts = [
        Chart(
            "damage",
            "How often a score falls if the answer is damaged",
            intervals([row for row in rows if row], "% of cases, mean over kinds of damage", form=".1f", lines=[50]),
            f"{how}, over prompts; dashed: a coin",
            wide=True,
        )
    ]
    signatures = {one["name"]: str(one["signature"]) for one in result["rewards"]}
    verdict = str(result["verdict"])
    tables = which_tables(result, how)
    return Section(
        id_, "agreement", "Rewards by references alone", name, verdict, facts, notices, charts, tables, [], signatures
    )


def which_charts(result: Json, how: str) -> list[Chart]:
    """Length-balanced agreement, and the curves of best-of-n."""
    key = "balanced" if result["kind"] == "pairs" else "answer_pairs_balanced"
    rows = [_row(one["name"], one.get(key), one["kind"]) for one in result["rewards"]]
    charts = []
    if any(rows):
        charts.append(
            Chart(
                "balanced",
                "Length-balanced agreement",
                intervals([row for row in rows if row], "% of pairs", form=".1f", lines=[50]),
                f"mean of pairs that the longer and that the shorter response wins; {how}; dashed: length alone",
                wide=True,
            )
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


def which_tables(result: Json, how: str) -> list[Table]:
    """The tables that the terminal and the Markdown file have too."""
    return [
        Table(name, title, header, [[_cell(text, place) for place, text in enumerate(row)] for row in rows], how)
        for name, title, (header, rows) in tables_of(result)
    ]


def _cell(text: str, place: int) -> Cell:
    try:
        return Cell(text, float(text.split(" ")[0].rstrip("%"))) if place else Cell(text)
    except ValueError:
        return Cell(text)


def _row(name: str, value: Json | None, group: str) -> dict[str, Any] | None:
    middle, low, high = estimate(value)
    if middle is None or name == "random":
        return None
    known = has_interval(value)
    return {
        "name": name,
        "group": group,
        "value": 100 * middle,
        "low": 100 * low if known and low is not None else None,
        "high": 100 * high if known and high is not None else None,
    }
