"""`agreement.json` as tables in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bleuberi.agreement.which_tables import tables_of
from bleuberi.plain_text import plain
from bleuberi.statistics import shown

MOST_VERSUS = 15  # rows that a terminal shows
WIDE = 130  # columns of a terminal that shows every column of the tables


def print_agreement(result: Mapping[str, Any], console: Console) -> None:
    """The tables, the warnings, and the verdict last."""
    if result["kind"] == "pairs":
        console.print(pairs_table(result, wide=console.width >= WIDE))
        if result["curves"]:
            console.print(curve_table(result))
        if result.get("annotators_sentence"):
            console.print(Text(plain(result["annotators_sentence"])))
        if "judge" in result:
            console.print(Text(plain(result["judge_sentence"])))
        if "figure_1" in result:
            console.print(figure_1_table(result))
    elif result["kind"] == "systems":
        console.print(systems_table(result, wide=console.width >= WIDE))
        if result["orders"]:
            console.print(orders_table(result))
    for name, title, (header, rows) in tables_of(result):
        if name != "versus" or len(rows) <= MOST_VERSUS:  # all of them are in agreement.md
            console.print(plain_table(title, header, rows))
    for warning in result["warnings"]:
        console.print(Text(plain(f"note: {warning}"), style="yellow"))
    if result.get("choice"):
        console.print(Text(plain(result["choice"])))
    console.print(Text(plain(result["verdict"]), style="bold"))


def plain_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of words and numbers; its first column is words."""
    table = Table(title=_words(title))
    for place, name in enumerate(header):
        table.add_column(_words(name), justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        table.add_row(*map(_words, row))
    return table


def pairs_table(result: Mapping[str, Any], *, wide: bool = True) -> Table:
    """Every reward and baseline: agreement and its lead over the length baseline; if `wide`, ties and subsets."""
    counts = result["counts"]
    table = Table(
        title=f"Agreement with people: {counts['decisive_pairs']:,} decisive pairs, {counts['prompts']:,} prompts",
        caption=f"intervals: {result['sureness']['confidence']:.0%}, over prompts; p corrected for all comparisons; "
        "ties of a metric count half",
    )
    table.add_column("score", no_wrap=True)
    headers = ["agrees", f"vs {result['length_baseline']}", "p", "ties", "equal length", "all 3 answers"]
    for header in headers if wide else headers[:3]:
        table.add_column(header, justify="right", no_wrap=True)
    lead = {one["other"]: one for one in result["comparisons"] if one["base"] == result["length_baseline"]}
    previous = None
    for one in result["rewards"]:
        if previous not in (None, one["kind"]):
            table.add_section()
        previous = one["kind"]
        comparison = lead.get(one["name"])
        difference = comparison["difference"] if comparison else None
        cells = [
            f"{rate(one['agreement'])} {bounds(one['agreement'])}",
            f"{100 * difference['value']:+.1f} {bounds(difference, signed=True)}" if difference else "",
            f"{comparison['p_value']:.2g}" if comparison else "",
            f"{one['metric_ties']:,}",
            rate(one["subsets"]["length_matched"]),
            rate(one["agreement_with_ties"]),
        ]
        table.add_row(_words(one["name"]), *(cells if wide else cells[:3]))
    return table


def curve_table(result: Mapping[str, Any]) -> Table:
    """Agreement by number of references."""
    counts = sorted({one["references"] for one in result["curves"]})
    pairs = max(one["agreement"]["n"] if one["agreement"] else 0 for one in result["curves"])
    table = Table(
        title=f"Agreement by number of references: {pairs:,} pairs with {counts[-1]}, mean over sampled orders"
    )
    table.add_column("reward", no_wrap=True)
    for count in counts:
        table.add_column(f"{count} ref", justify="right")
    table.add_column(f"{counts[-1]} more than 1", justify="right")
    for name in dict.fromkeys(one["reward"] for one in result["curves"]):
        row = {one["references"]: one for one in result["curves"] if one["reward"] == name}
        cells = [f"{rate(row[count]['agreement'])} {bounds(row[count]['agreement'])}" for count in counts]
        gain = row[counts[-1]]["more_than_with_one"]
        table.add_row(_words(name), *cells, f"{100 * gain['value']:+.1f} {bounds(gain, signed=True)}" if gain else "")
    return table


def figure_1_table(result: Mapping[str, Any]) -> Table:
    """The paper's Figure 1: the same winner as people, by number of references; in brackets the published number."""
    entries = result["figure_1"]
    counts = sorted({one["references"] for one in entries if one["references"]})
    table = Table(
        title="Figure 1 of the paper: the same winner as people, % of all pairs",
        caption="people's ties count as a winner of their own; (published number)",
    )
    table.add_column("score", no_wrap=True)
    for count in counts:
        table.add_column(f"{count} ref", justify="right")
    table.add_column("without", justify="right")
    for name in dict.fromkeys(one["score"] for one in entries):
        cells = {one["references"]: one for one in entries if one["score"] == name}
        table.add_row(_words(name), *(_beside_paper(cells.get(count)) for count in (*counts, None)))
    return table


def _beside_paper(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return ""
    published = "" if entry["paper"] is None else f" ({entry['paper']:.1f})"
    return f"{rate(entry['same_winner'])} {bounds(entry['same_winner'])}{published}"


def systems_table(result: Mapping[str, Any], *, wide: bool = True) -> Table:
    """Every reward and baseline: rank correlation of models' means with their label; if `wide`, by kind of interval."""
    table = Table(
        title=_words(f"{result['counts']['systems']} models by mean score against {result['label']}"),
        caption=f"intervals: {result['sureness']['confidence']:.0%}, over prompts and models (last column: models)",
    )
    table.add_column("score", no_wrap=True)
    headers = ["Spearman", "p", "vs length", "answer pairs", "Kendall", "Spearman, models"]
    judged = any(one["answer_pairs"] for one in result["rewards"])
    narrow = ["Spearman", "p", "answer pairs"] if judged else ["Spearman", "p", "vs length"]
    kept = [header for header in (headers if wide else narrow) if judged or header != "answer pairs"]
    for header in kept:
        table.add_column(header, justify="right", no_wrap=True)
    for one in result["rewards"]:
        spearman, kendall, lead = one["spearman"], one["kendall"], one["spearman_minus_length"]
        cells = [
            f"{number(spearman['both']['value'])} {span(spearman['both'])}",
            _p(one["follows_label"]["p_value"]),
            f"{lead['value']:+.2f} {span(lead, '+.2f')}" if lead else "",
            f"{rate(one['answer_pairs'])} {bounds(one['answer_pairs'])}",
            f"{number(kendall['both']['value'])} {span(kendall['both'])}",
            span(spearman["systems"]),
        ]
        table.add_row(
            _words(one["name"]), *(cell for header, cell in zip(headers, cells, strict=True) if header in kept)
        )
    return table


def orders_table(result: Mapping[str, Any]) -> Table:
    """Orders that were expected of models, step by step."""
    table = Table(title="Expected orders of models", caption="difference of mean scores, later minus earlier")
    for header in ("score", "lower", "higher"):
        table.add_column(header)
    for header in ("difference", "interval", "whole order holds"):
        table.add_column(header, justify="right")
    for order in result["orders"]:
        table.add_section()
        for place, step in enumerate(order["steps"]):
            difference = step["difference"]
            table.add_row(
                _words(order["reward"] if not place else ""),
                _words(step["lower"]),
                _words(step["higher"]),
                f"{difference['value']:+.4g}",
                shown.bounds(difference, "+.3g"),
                f"{order['share_of_resamples']:.1%} of resamples" if not place else "",
            )
    return table


def _words(text: str) -> Text:
    """A name from a file: as it is, never as markup or an escape code."""
    return Text(plain(text))


def rate(estimate: Mapping[str, Any] | None) -> str:
    """A share in per cent."""
    return "" if estimate is None else f"{100 * estimate['value']:.1f}"


def bounds(estimate: Mapping[str, Any] | None, *, signed: bool = False) -> str:
    """The interval of a share in per cent; empty if there is none."""
    return shown.bounds(estimate, "+.1f" if signed else ".1f", 100.0) if shown.has_interval(estimate) else ""


def span(estimate: Mapping[str, Any], form: str = ".2f") -> str:
    """The interval of a correlation; empty if there is none."""
    return shown.bounds(estimate, form) if shown.has_interval(estimate) else ""


def number(value: float | None) -> str:
    """A correlation, or a dash if there is none."""
    return shown.number(value, ".2f")


def _p(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.2g}"
