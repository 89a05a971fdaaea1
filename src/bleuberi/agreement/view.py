"""The page's part on agreement with people. Reads `agreement.json`; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bleuberi.agreement.view_which import references_section, which_charts, which_tables
from bleuberi.view.charts import intervals, scatter
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, count, number
from bleuberi.view.reading import Json, estimate, finite, read_object

_KINDS = {"reward": "reward", "column": "score made elsewhere", "mix": "mix", "baseline": "baseline"}


def agreement_section(folder: Path, id_: str, name: str) -> Section:
    """Either kind of agreement: with preferences between pairs, or with labels of whole models."""
    result = read_object(folder / "agreement.json")
    if result["kind"] == "references":
        return references_section(result, id_, name)
    pairs = result["kind"] == "pairs"
    counts = result["counts"]
    how = f"{result['sureness']['confidence']:.0%} intervals, {result['sureness']['resamples']:,} resamples"
    facts = [
        Fact(label.replace("_", " "), f"{value:,}")
        for label, value in counts.items()
        if label in ("decisive_pairs", "prompts", "systems", "answers", "ties_of_people")
    ]
    ceiling = estimate(result["annotators"]["with_others"])[0] if pairs else None
    if ceiling is not None:
        facts.append(Fact("annotators agree", f"{ceiling:.1%}", "with what the others prefer"))
    notices = [Notice("verdict", str(result["verdict"])), *(Notice("note", str(text)) for text in result["warnings"])]
    if pairs and result.get("annotators_sentence"):
        notices.append(Notice("note", str(result["annotators_sentence"])))
    if result.get("choice"):
        notices.append(Notice("verdict", str(result["choice"])))
    title = "Agreement with people" if pairs else f"Agreement with {result['label']}"
    charts = (_pair_charts(result, how) if pairs else _system_charts(result, how)) + which_charts(result, how)
    tables = [_pair_table(result, how) if pairs else _system_table(result, how), *which_tables(result, how)]
    signatures = {one["name"]: str(one["signature"]) for one in result["rewards"] if one.get("signature")}
    return Section(
        id_, "agreement", title, name, str(result["verdict"]), facts, notices, charts, tables, [], signatures
    )


def _pair_charts(result: Json, how: str) -> list[Chart]:
    rewards = [one for one in result["rewards"] if one["name"] != "random"]
    kind = {one["name"]: _KINDS.get(one["kind"], one["kind"]) for one in rewards}
    ceiling = estimate(result["annotators"]["with_others"])[0]
    charts = _dots(
        "agreement",
        "How often a score prefers what people prefer",
        [_row(one["name"], one["agreement"], kind[one["name"]], 100) for one in rewards],
        ("% of decisive pairs", ".1f"),
        f"{how}, over prompts; dashed: a coin" + ("" if ceiling is None else ", annotators"),
        [50, None if ceiling is None else 100 * ceiling],
    )
    charts += _dots(
        "lead_over_length",
        f"Lead over {result['length_baseline']}",
        [
            _row(one["other"], one["difference"], kind.get(one["other"], ""), 100)
            for one in result["comparisons"]
            if one["base"] == result["length_baseline"]
        ],
        ("percentage points", "+.1f"),
        f"paired; {how}",
        [0],
    )
    curves = [
        {"step": one["references"], "series": one["reward"], "value": 100 * one["agreement"]["value"]}
        for one in result["curves"]
        if one["agreement"]
    ]
    if curves:
        spec = lines(curves, "% of decisive pairs", form=".1f")
        numbers = sorted({one["references"] for one in result["curves"]})
        spec["encoding"]["x"]["axis"] |= {"title": "number of references", "values": numbers}
        charts.append(Chart("references", "Agreement by number of references", spec, "mean over sampled orders"))
    return charts + _figure_1_chart(result, kind) + _source_chart(result, how)


def _figure_1_chart(result: Json, kind: dict[str, str]) -> list[Chart]:
    """The paper's figure: BLEU with each number of references, every other score with its highest."""
    last = {one["score"]: one for one in result.get("figure_1", [])}
    shown = [one for one in result.get("figure_1", []) if one["score"] == "bleu" or one is last[one["score"]]]
    rows = []
    for one in shown:
        published = "" if one["paper"] is None else f" (published {one['paper']:.1f})"
        name = one["score"] + (f", {one['references']} ref" if one["references"] else "") + published
        rows.append(_row(name, one["same_winner"], kind.get(one["score"], ""), 100))
    title = "Figure 1 of the paper, from its released files"
    return _dots("figure_1", title, rows, ("the same winner as people, % of all pairs", ".1f"), "", [])


def _source_chart(result: Json, how: str) -> list[Chart]:
    """The first reward and the length baseline by source, if there are several."""
    reward = next((one for one in result["rewards"] if one["kind"] != "baseline"), None)
    baseline = next((one for one in result["rewards"] if one["name"] == result["length_baseline"]), None)
    if reward is None or baseline is None or len(reward["sources"]) < 2:
        return []
    rows = [
        _row(f"{source}, {found['n']:,} pairs: {one['name']}", one["sources"].get(source), one["name"], 100)
        for source, found in reward["sources"].items()
        if found
        for one in (reward, baseline)
    ]
    chart = _dots("sources", "Source by source", rows, ("% of decisive pairs", ".1f"), f"{how}, over prompts", [50])
    return [replace(one, words={"name": "source"}) for one in chart]


def _dots(
    name: str,
    title: str,
    rows: list[dict[str, Any] | None],
    axis: tuple[str, str],
    note: str,
    marked: Sequence[float | None],
) -> list[Chart]:
    """A chart of estimates with intervals; none if no estimate is known. `axis`: its label and number format."""
    known = [row for row in rows if row]
    spec = intervals(known, axis[0], form=axis[1], lines=marked)
    return [Chart(name, title, spec, note, wide=True)] if known else []


def _row(name: str, value: Json | None, group: str, scale: float = 1) -> dict[str, Any] | None:
    middle, low, high = estimate(value)
    if middle is None:
        return None
    return {
        "name": name,
        "group": group,
        "value": scale * middle,
        "low": None if low is None else scale * low,
        "high": None if high is None else scale * high,
    }


def _pair_table(result: Json, how: str) -> Table:
    lead = {one["other"]: one for one in result["comparisons"] if one["base"] == result["length_baseline"]}
    rows = []
    for one in result["rewards"]:
        comparison = lead.get(one["name"])
        rows.append(
            [
                Cell(one["name"]),
                Cell(_KINDS.get(one["kind"], one["kind"])),
                *_cells(one["agreement"], 100, 1),
                *_cells(comparison["difference"] if comparison else None, 100, 1),
                number(finite(comparison["p_value"]) if comparison else None, 4),
                count(one["metric_ties"]),
                *_cells(one["subsets"].get("length_matched"), 100, 1)[:1],
                Cell(str(one.get("signature") or "")),
            ]
        )
    columns = [
        "score",
        "kind",
        "agrees, %",
        "interval",
        f"lead over {result['length_baseline']}",
        "interval",
        "p",
        "ties",
        "equal length, %",
        "signature",
    ]
    return Table(
        "scores", "Every score", columns, rows, f"{how}; p corrected for all comparisons; ties of a metric count half"
    )


def _cells(value: Json | None, scale: float, digits: int) -> list[Cell]:
    middle, low, high = estimate(value)
    if middle is None:
        return [Cell(""), Cell("")]
    shown = f"[{scale * low:.{digits}f}, {scale * high:.{digits}f}]" if low is not None and high is not None else ""
    return [number(scale * middle, digits), Cell(shown)]


def _system_charts(result: Json, how: str) -> list[Chart]:
    charts = _dots(
        "systems_correlation",
        f"Do mean scores rank models as {result['label']} does?",
        [_row(one["name"], one["spearman"]["both"], _KINDS.get(one["kind"], one["kind"])) for one in result["rewards"]],
        ("Spearman correlation", ".2f"),
        f"{how}, over prompts and models",
        [0],
    )
    first = next((one for one in result["rewards"] if one["kind"] != "baseline"), None)
    length = next((one for one in result["rewards"] if one["name"] == result["length_baseline"]), None)
    for name, one in (("systems_scatter", first), ("systems_scatter_length", length)):
        if one is None:
            continue
        points = []
        for system in result["systems"]:
            middle, low, high = estimate(system["means"].get(one["name"]))
            label = finite(system["label"])
            if middle is not None and label is not None:
                points.append({"name": system["name"], "x": label, "value": middle, "low": low, "high": high})
        if points:
            spec = scatter(points, str(result["label"]), f"mean {one['name']}")
            note, signature = f"one point per model; {how}", str(one.get("signature") or "")
            charts.append(Chart(name, f"Models by {one['name']}", spec, note, signature))
    return charts


def _system_table(result: Json, how: str) -> Table:
    rows = [
        [
            Cell(one["name"]),
            Cell(_KINDS.get(one["kind"], one["kind"])),
            *_cells(one["spearman"]["both"], 1, 2),
            *_cells(one["kendall"]["both"], 1, 2),
            *_cells(one.get("spearman_minus_length"), 1, 2),
            Cell(str(one.get("signature") or "")),
        ]
        for one in result["rewards"]
    ]
    columns = ["score", "kind", "Spearman", "interval", "Kendall", "interval", "less length's", "interval", "signature"]
    return Table("scores", "Every score", columns, rows, f"{how}, over prompts and models")
