"""The report section on agreement with people. Reads `agreement.json`; computes nothing."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from bleuberi.agreement.record import OnPairs, OnReferences, OnSystems, load_agreement
from bleuberi.agreement.view_tables import KINDS, agreement_tables
from bleuberi.agreement.view_which import balanced_charts, best_of_charts, dots, references_section, row_of
from bleuberi.statistics.shown import finite, numbers
from bleuberi.view.charts import scatter
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Chart, Fact, Notice, Section


def agreement_section(folder: Path, id_: str, name: str) -> Section:
    """The section for any kind of agreement: with preferences, with labels of models, or with references only."""
    result = load_agreement(folder)
    if isinstance(result, OnReferences):
        return references_section(result, id_, name)
    facts = [Fact(label.replace("_", " "), f"{count:,}") for label, count in asdict(result.counts).items()]
    said: tuple[str, ...] = ()
    if isinstance(result, OnPairs):
        ceiling = numbers(result.annotators.with_others)[0]
        if ceiling is not None:
            facts.append(Fact("annotators agree", f"{ceiling:.1%}", "with what the others prefer"))
        said = tuple(text for text in (result.annotators_sentence, result.judge_sentence) if text)
        title, charts = "Agreement with people", _pair_charts(result) + balanced_charts(result)
    else:
        title = f"Agreement with {result.label}"
        charts = _system_charts(result) + balanced_charts(result) + best_of_charts(result)
    notices = [Notice("verdict", result.verdict), *(Notice("note", text) for text in (*result.warnings, *said))]
    if result.choice:
        notices.append(Notice("verdict", result.choice))
    signatures = {one.name: one.signature for one in result.rewards if one.signature}
    tables = agreement_tables(result)
    return Section(id_, "agreement", title, name, result.verdict, facts, notices, charts, tables, [], signatures)


def _pair_charts(result: OnPairs) -> list[Chart]:
    rewards = [one for one in result.rewards if one.name != "random"]
    kind = {one.name: KINDS.get(one.kind, one.kind) for one in rewards}
    ceiling = numbers(result.annotators.with_others)[0]
    charts = dots(
        "agreement",
        "How often a score prefers what people prefer",
        [row_of(one.name, one.agreement, kind[one.name]) for one in rewards],
        ("% of decisive pairs", ".1f"),
        f"{result.how}, over prompts; dashed: a coin" + ("" if ceiling is None else ", annotators"),
        [50, None if ceiling is None else 100 * ceiling],
    )
    charts += dots(
        "lead_over_length",
        f"Lead over {result.length_baseline}",
        [
            row_of(one.other, one.difference, kind.get(one.other, ""))
            for one in result.comparisons
            if one.base == result.length_baseline
        ],
        ("percentage points", "+.1f"),
        f"paired; {result.how}",
        [0],
    )
    curves = [
        {"step": one.references, "series": one.reward, "value": 100 * one.agreement.value}
        for one in result.curves
        if one.agreement
    ]
    if curves:
        spec = lines(curves, "% of decisive pairs", form=".1f")
        counts = sorted({one.references for one in result.curves})
        spec["encoding"]["x"]["axis"] |= {"title": "number of references", "values": counts}
        charts.append(Chart("references", "Agreement by number of references", spec, "mean over sampled orders"))
    return charts + _figure_1_chart(result, kind) + _source_chart(result)


def _figure_1_chart(result: OnPairs, kind: dict[str, str]) -> list[Chart]:
    """The paper's figure: BLEU with each number of references, every other score with its highest."""
    last = {one.score: one for one in result.figure_1}
    shown = [one for one in result.figure_1 if one.score == "bleu" or one is last[one.score]]
    rows = []
    for one in shown:
        published = "" if one.paper is None else f" (published {one.paper:.1f})"
        name = one.score + (f", {one.references} ref" if one.references else "") + published
        rows.append(row_of(name, one.same_winner, kind.get(one.score, "")))
    title = "Figure 1 of the paper, from its released files"
    return dots("figure_1", title, rows, ("the same winner as people, % of all pairs", ".1f"), "", [])


def _source_chart(result: OnPairs) -> list[Chart]:
    """The first reward and the length baseline by source, if there are several."""
    reward = next((one for one in result.rewards if one.kind != "baseline"), None)
    baseline = next((one for one in result.rewards if one.name == result.length_baseline), None)
    if reward is None or baseline is None or len(reward.sources) < 2:
        return []
    rows = [
        row_of(f"{source}, {found.n:,} pairs: {one.name}", one.sources.get(source), one.name)
        for source, found in reward.sources.items()
        if found
        for one in (reward, baseline)
    ]
    note = f"{result.how}, over prompts"
    chart = dots("sources", "Source by source", rows, ("% of decisive pairs", ".1f"), note, [50])
    return [replace(one, words={"name": "source"}) for one in chart]


def _system_charts(result: OnSystems) -> list[Chart]:
    charts = dots(
        "systems_correlation",
        f"Do mean scores rank models as {result.label} does?",
        [row_of(one.name, one.spearman.both, KINDS.get(one.kind, one.kind), 1.0) for one in result.rewards],
        ("Spearman correlation", ".2f"),
        f"{result.how}, over prompts and models",
        [0],
    )
    first = next((one for one in result.rewards if one.kind != "baseline"), None)
    length = next((one for one in result.rewards if one.name == result.length_baseline), None)
    for name, one in (("systems_scatter", first), ("systems_scatter_length", length)):
        if one is None:
            continue
        points = []
        for system in result.systems:
            middle, low, high = numbers(system.means.get(one.name))
            label = finite(system.label)
            if middle is not None and label is not None:
                points.append({"name": system.name, "x": label, "value": middle, "low": low, "high": high})
        if points:
            spec = scatter(points, result.label, f"mean {one.name}")
            note, signature = f"one point per model; {result.how}", one.signature
            charts.append(Chart(name, f"Models by {one.name}", spec, note, signature))
    return charts
