"""The comparison of models as tables, sentences and a figure. Reads an evaluation's JSON; computes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import write_text
from bleuberi.evaluation.retention_table import retention_notes, retention_rows
from bleuberi.plain_text import one_line, plain, say
from bleuberi.statistics import shown
from bleuberi.view.style import BLUE, INK, MUTED, new_figure, save, title

Rows = list[list[str]]
_WIDEST: Final = 10_000  # characters of a table


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The saved comparison."""
    content: dict[str, Any] = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    return content


def scores(evaluation: dict[str, Any]) -> list[str]:
    """The metrics asked for, the main one first; the words where there are none."""
    asked = [metric["name"] for metric in evaluation["metrics"] if metric["role"] == "score"]
    return asked or [metric["name"] for metric in evaluation["metrics"]]


def differences_to_base(evaluation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By group and metric."""
    base = evaluation["base"]
    return {row["other"]: row["difference"] for row in evaluation["comparisons"] if row["base"] == base}


def table_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """Header and cells: a row for each score and group, with the paired difference to the base."""
    header = ["model", "metric", "mean", f"difference to {evaluation['base']} [95 %]", "words", "cut"]
    difference = differences_to_base(evaluation)
    cut = {model["name"]: model["cut_share"] for model in evaluation["models"]}
    rows = []
    for metric in scores(evaluation):
        for group in evaluation["groups"]:
            name, shares = group["name"], [cut[member] for member in group["members"] if cut[member] is not None]
            runs = len(group["members"])
            rows.append(
                [
                    name + (f" ({runs} seeds)" if runs > 1 else ""),
                    metric,
                    f"{group['mean'][metric]['value']:.3f}",
                    interval(difference[name][metric]) if name in difference else "",
                    f"{group['mean']['words']['value']:.0f}",
                    f"{sum(shares) / len(shares):.0%}" if shares else "?",
                ]
            )
    return header, rows


def part_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """BLEU's factors by group: by which of them a model gains."""
    parts = [metric["name"] for metric in evaluation["metrics"] if metric["role"] == "part"]
    rows = [
        [group["name"], *(f"{group['mean'][part]['value']:.3f}" for part in parts)] for group in evaluation["groups"]
    ]
    return ["model", *(part.replace("_", " ") for part in parts)], rows if parts else []


def control_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """A row for each group and control that was computed, on the main metric; words are the control's."""
    metric = scores(evaluation)[0]
    rows = [
        [
            control["other"],
            control["name"],
            f"{control['mean'][metric]['value']:.3f}",
            interval(control["difference"][metric]),
            f"{control['mean_words']:.0f}",
        ]
        for control in evaluation["controls"]
        if control["computed"]
    ]
    return ["model", "against the control", f"its {metric}", "gain over it [95 %]", "its words"], rows


def gain_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """By group the share of 4-grams copied from the prompt, beside the references' own, and where its gain sits."""
    gains = {row["other"]: row for row in evaluation["gain"]}
    rows = []
    for group in evaluation["groups"]:
        gain = gains.get(group["name"])
        overlap = (gain or {}).get("by_overlap") or {}
        rows.append(
            [
                group["name"],
                f"{group['mean']['copied']['value']:.0%}",
                "" if gain is None or gain["top10_share"] is None else f"{gain['top10_share']:.0%}",
                *(interval(overlap[half]) if overlap.get(half) else "" for half in ("above", "below")),
            ]
        )
    own = evaluation["copied"]["references"]
    if own is not None:
        rows.append(["references", f"{own['value']:.0%}", "", "", ""])
    header = ["model", "copied", "top 10 prompts", "gain if references overlap", "gain if less"]
    return header, rows


def judge_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """What the judge said, a row a pair; empty without a judge."""
    header = ["judged", "won/lost/tied", "win rate [95 %]", "inconsistent", "none", "words won/lost"]
    rows = []
    for pair in (evaluation["judge"] or {"pairs": []})["pairs"]:
        counts, words, rate = pair["counts"], pair["mean_words"], pair["win_rate"]
        none = sum(counts[kind] for kind in ("unparsable", "no_answer", "refused", "too_long"))
        wins = "/".join(str(counts[kind]) for kind in ("other", "base", "tie"))
        lengths = f"{words['winner']:.0f}/{words['loser']:.0f}" if words else ""
        rows.append(
            [f"{pair['other']} : {pair['base']}", wins, share(rate) if rate else "none",
             str(counts["inconsistent"]), str(none), lengths]
        )  # fmt: skip
    return header, rows


def verdict_rows(evaluation: dict[str, Any]) -> tuple[list[str], Rows]:
    """Base, SFT and GRPO with what they were trained on; empty where nothing was trained by this tool."""
    metric, base = scores(evaluation)[0], evaluation["base"]
    rows = [
        [
            row["label"] if row["role"] != "base" else "base",
            row["group"],
            f"{row['mean'][metric]['value']:.3f}",
            interval(row["difference"][metric]) if row["difference"] else "",
            (row["data"] or "?")[:8] if row["steps"] is not None else "",
            "" if row["steps"] is None else str(row["steps"]),
        ]
        for row in (evaluation["verdict"] or {"table": []})["table"]
    ]
    return ["trained with", "model", metric, f"difference to {base} [95 %]", "data", "steps"], rows


def interval(estimate: dict[str, Any]) -> str:
    """E.g. `+0.021 [-0.004, +0.046]`."""
    return shown.difference(estimate)


def share(estimate: dict[str, Any]) -> str:
    """E.g. `62 % [48, 75]`."""
    return shown.percent(estimate, 0)


def introduction(evaluation: dict[str, Any]) -> list[str]:
    """Which comparison has the level of 5 % to itself, and which scores no training paid for; empty without them."""
    said = []
    primary = evaluation.get("primary")
    if primary:
        how = "declared" if primary["declared"] else "by default; declare another with --primary before you look"
        said.append(f"Primary comparison: {primary['other']} against {primary['base']} in {primary['metric']} ({how}).")
    if evaluation.get("untrained"):
        said.append(f"Scores that no training paid for: {', '.join(evaluation['untrained'])}.")
    return said


def verdicts(evaluation: dict[str, Any]) -> list[str]:
    """The verdict's questions and answers, and a plain sentence on the main metric for a group that they leave out."""
    metric = scores(evaluation)[0]
    base, prompts = evaluation["base"], evaluation["prompts"]
    questions = (evaluation["verdict"] or {}).get("questions", [])
    answered = {row["other"] for row in questions if row["base"] == base}
    sentences = []
    for name, difference in differences_to_base(evaluation).items():
        if name in answered:
            continue
        estimate = difference[metric]
        verdict = "not told apart from"
        if estimate.get("no_verdict"):
            reason = f"no verdict ({estimate['no_verdict']})"
            sentences.append(f"{name} - {base} in {metric}: {interval(estimate)} on {prompts} prompts, {reason}.")
            continue
        if estimate["low"] is not None and estimate["low"] > 0:
            verdict = "more than" if metric == "words" else "better than"
        elif estimate["high"] is not None and estimate["high"] < 0:
            verdict = "less than" if metric == "words" else "worse than"
        sentences.append(f"{name} is {verdict} {base} in {metric}: {interval(estimate)} on {prompts} prompts.")
    return [f"{row['question']} {row['sentence']}" for row in questions] + sentences


def markdown_table(header: list[str], rows: Rows) -> str:
    """The table as Markdown."""
    lines = [
        "| " + " | ".join(_cell(cell) for cell in cells) + " |" for cells in (header, ["---"] * len(header), *rows)
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Words of a file as one harmless cell of Markdown."""
    return one_line(text).replace("|", "\\|").replace("<", "&lt;")


def print_table(header: list[str], rows: Rows, text_columns: int = 2) -> None:
    """The table on standard output, as wide as it needs; the first `text_columns` are words, the others numbers."""
    from rich.cells import cell_len
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    for place, name in enumerate(header):
        whole = place in (0, *range(text_columns, len(header)))  # names and numbers are of no use in pieces
        table.add_column(
            name,
            justify="left" if place < text_columns else "right",
            no_wrap=whole,
            min_width=max(cell_len(plain(row[place])) for row in [header, *rows]) if whole else None,
        )
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console()
    # A narrow terminal wraps lines by itself. A measure is at most as wide as the console's options allow.
    unlimited = console.options.update(max_width=_WIDEST)
    console.width = max(console.width, Measurement.get(console, unlimited, table).minimum)
    console.print(table)


def print_comparison(evaluation: dict[str, Any]) -> None:
    """Tables, sentences and warnings on standard output."""
    for (header, rows), text_columns in (
        (table_rows(evaluation), 2),
        (control_rows(evaluation), 2),
        (gain_rows(evaluation), 1),
        (part_rows(evaluation), 1),
        (judge_rows(evaluation), 1),
        (retention_rows(evaluation), 1),
        (verdict_rows(evaluation), 2),
    ):
        if rows:
            print_table(header, rows, text_columns)
            print()
    for sentence in [*introduction(evaluation), *verdicts(evaluation), *retention_notes(evaluation)]:
        say(sentence)
    for warning in evaluation["warnings"]:
        say(f"Mind: {warning}")


def draw_differences(evaluation: dict[str, Any], path: Path) -> None:
    """Paired differences to the base with their intervals, one panel a score."""
    metrics, base = scores(evaluation), evaluation["base"]
    difference = differences_to_base(evaluation)
    figure, axes = new_figure(3.8 * len(metrics), 1.5 + 0.55 * len(difference), cols=len(metrics))
    for axis, metric in zip(axes, metrics, strict=True):
        axis.grid(visible=False)
        axis.axvline(0, color=MUTED, linewidth=1)
        for row, found in enumerate(difference.values()):
            estimate = found[metric]
            if estimate["low"] is not None:
                axis.plot([estimate["low"], estimate["high"]], [row, row], color=BLUE, linewidth=2)
            axis.plot(estimate["value"], row, "o", color=BLUE, markersize=7)
            axis.annotate(
                f"{estimate['value']:+.3f}", (estimate["value"], row), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=9, color=INK,
            )  # fmt: skip
        axis.set_yticks(range(len(difference)), list(difference))
        axis.set_ylim(len(difference) - 0.4, -0.7)  # the first model on top, as in the table
        axis.locator_params(axis="x", nbins=4)
        title(axis, f"{metric}: difference to {base}", f"95 % interval, {evaluation['prompts']} prompts, paired")
    save(figure, path)


def write_comparison(evaluation: dict[str, Any], folder: Path) -> None:
    """`comparison.md` with tables, sentences, warnings and signatures, and the figure of the differences."""
    makers = (table_rows, control_rows, gain_rows, part_rows, judge_rows, retention_rows, verdict_rows)
    tables = [make(evaluation) for make in makers]
    lines = [markdown_table(header, rows) for header, rows in tables if rows]
    lines += [
        *introduction(evaluation),
        *verdicts(evaluation),
        *retention_notes(evaluation),
        *(f"Mind: {warning}" for warning in evaluation["warnings"]),
        "",
    ]
    lines += [f"{metric}: `{signature}`" for metric, signature in evaluation["signatures"].items()]
    if evaluation["config"]["sampling_signature"]:
        lines += [f"answers: `{evaluation['config']['sampling_signature']}`"]
    if evaluation["judge"]:
        lines += [f"judge: `{evaluation['judge']['signature']}` at {evaluation['judge']['settings']['url']}"]
    methods = {found["method"] for row in evaluation["comparisons"] for found in row["difference"].values()}
    lines += [f"intervals: {method}" for method in sorted(methods)]
    if evaluation["comparisons"]:
        draw_differences(evaluation, folder / "differences.png")
    write_text(folder / "comparison.md", "\n".join(lines) + "\n")
