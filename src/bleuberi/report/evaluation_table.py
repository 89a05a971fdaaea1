"""The comparison of models as a table, a sentence and a figure. Reads an evaluation's JSON; computes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bleuberi.artifacts import write_text
from bleuberi.plain_text import one_line, plain
from bleuberi.report.style import BLUE, INK, MUTED, new_figure, save, title


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The saved comparison."""
    content: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return content


def table_rows(evaluation: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and cells: a row for each model and metric, with the paired difference to the base."""
    base = evaluation["models"][0]["name"]
    header = ["model", "metric", "mean", f"difference to {base} [95 %]", "words", "cut"]
    rows = [
        [
            model["name"],
            metric,
            f"{model['mean'][metric]['value']:.3f}",
            interval(model["difference"][metric]) if model["difference"] else "",
            f"{model['mean_words']:.0f}",
            f"{model['cut_share']:.0%}",
        ]
        for metric in evaluation["signatures"]
        for model in evaluation["models"]
    ]
    return header, rows


def interval(estimate: dict[str, Any]) -> str:
    """E.g. `+0.021 [-0.004, +0.046]`."""
    return f"{estimate['value']:+.3f} [{estimate['low']:+.3f}, {estimate['high']:+.3f}]"


def verdicts(evaluation: dict[str, Any]) -> list[str]:
    """One plain sentence a trained model, on the first metric: better, worse, or not told apart."""
    metric = next(iter(evaluation["signatures"]))
    base = evaluation["models"][0]["name"]
    sentences = []
    for model in evaluation["models"][1:]:
        estimate = model["difference"][metric]
        if estimate["low"] > 0:
            verdict = "better than"
        elif estimate["high"] < 0:
            verdict = "worse than"
        else:
            verdict = "not told apart from"
        sentences.append(
            f"{model['name']} is {verdict} {base} in {metric}: {interval(estimate)} on {evaluation['prompts']} prompts."
        )
    return sentences


def markdown_table(header: list[str], rows: list[list[str]]) -> str:
    """The table as Markdown."""
    lines = [
        "| " + " | ".join(_cell(cell) for cell in cells) + " |" for cells in (header, ["---"] * len(header), *rows)
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Words of a file as one harmless cell of Markdown."""
    return one_line(text).replace("|", "\\|").replace("<", "&lt;")


def print_table(header: list[str], rows: list[list[str]], text_columns: int = 2) -> None:
    """The table on standard output, as wide as it needs; the first `text_columns` are words, the others numbers."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    for place, name in enumerate(header):
        table.add_column(name, justify="left" if place < text_columns else "right", no_wrap=place >= text_columns)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    Console().print(table)


def draw_differences(evaluation: dict[str, Any], path: Path) -> None:
    """Paired differences to the base with their intervals, one panel a metric."""
    metrics = list(evaluation["signatures"])
    trained = evaluation["models"][1:]
    base = evaluation["models"][0]["name"]
    figure, axes = new_figure(3.8 * len(metrics), 1.5 + 0.55 * len(trained), cols=len(metrics))
    for axis, metric in zip(axes, metrics, strict=True):
        axis.grid(visible=False)
        axis.axvline(0, color=MUTED, linewidth=1)
        for row, model in enumerate(trained):
            estimate = model["difference"][metric]
            axis.plot([estimate["low"], estimate["high"]], [row, row], color=BLUE, linewidth=2)
            axis.plot(estimate["value"], row, "o", color=BLUE, markersize=7)
            axis.annotate(
                f"{estimate['value']:+.3f}", (estimate["value"], row), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=9, color=INK,
            )  # fmt: skip
        axis.set_yticks(range(len(trained)), [model["name"] for model in trained])
        axis.set_ylim(len(trained) - 0.4, -0.7)  # the first model on top, as in the table
        axis.locator_params(axis="x", nbins=4)
        title(axis, f"{metric}: difference to {base}", f"95 % interval, {evaluation['prompts']} prompts, paired")
    save(figure, path)


def write_comparison(evaluation: dict[str, Any], folder: Path) -> None:
    """`comparison.md` with table, verdicts and signatures, and the figure of the differences."""
    lines = [markdown_table(*table_rows(evaluation)), *verdicts(evaluation), ""]
    lines += [f"{metric}: `{signature}`" for metric, signature in evaluation["signatures"].items()]
    lines += [f"answers: `{evaluation['config']['sampling_signature']}`"]
    if len(evaluation["models"]) > 1:
        method = next(iter(evaluation["models"][1]["difference"].values()))["method"]
        lines += [f"intervals: {method}"]
        draw_differences(evaluation, folder / "differences.png")
    write_text(folder / "comparison.md", "\n".join(lines) + "\n")
