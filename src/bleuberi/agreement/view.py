"""The page's part on agreement with people. Reads `agreement.json`; computes nothing."""

from __future__ import annotations

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
    agreement = [_row(one["name"], one["agreement"], kind[one["name"]], 100) for one in rewards]
    charts = [
        Chart(
            "agreement",
            "How often a score prefers what people prefer",
            intervals([row for row in agreement if row], "% of decisive pairs", form=".1f", zero_line=50),
            f"{how}, over prompts; dashed: a coin",
            wide=True,
        )
    ]
    lead = [
        _row(one["other"], one["difference"], kind.get(one["other"], ""), 100)
        for one in result["comparisons"]
        if one["base"] == result["length_baseline"]
    ]
    if any(lead):
        charts.append(
            Chart(
                "lead",
                f"Lead over {result['length_baseline']}",
                intervals([row for row in lead if row], "percentage points", form="+.1f", zero_line=0),
                f"paired; {how}",
                wide=True,
            )
        )
    curves = [
        {"step": one["references"], "series": one["reward"], "value": 100 * one["agreement"]["value"]}
        for one in result["curves"]
        if one["agreement"]
    ]
    if curves:
        spec = lines(curves, "% of decisive pairs", form=".1f")
        spec["encoding"]["x"]["axis"]["title"] = "number of references"
        charts.append(Chart("references", "Agreement by number of references", spec, "mean over sampled orders"))
    return charts


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
    rows = [
        _row(one["name"], one["spearman"]["both"], _KINDS.get(one["kind"], one["kind"])) for one in result["rewards"]
    ]
    charts = [
        Chart(
            "correlation",
            f"Do mean scores rank models as {result['label']} does?",
            intervals([row for row in rows if row], "Spearman correlation", form=".2f", zero_line=0),
            f"{how}, over prompts and models",
            wide=True,
        )
    ]
    first = next((one for one in result["rewards"] if one["kind"] != "baseline"), None)
    shown = [one for one in result["rewards"] if one is first or one["name"] == result["length_baseline"]]
    for one in shown:
        points = []
        for system in result["systems"]:
            middle, low, high = estimate(system["means"].get(one["name"]))
            label = finite(system["label"])
            if middle is not None and label is not None:
                points.append({"name": system["name"], "x": label, "value": middle, "low": low, "high": high})
        if points:
            charts.append(
                Chart(
                    f"means_{one['name']}",
                    f"Models by {one['name']}",
                    scatter(points, str(result["label"]), f"mean {one['name']}"),
                    f"a point a model; {how}",
                    str(one.get("signature") or ""),
                )
            )
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
