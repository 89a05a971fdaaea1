"""What a run of the chain came to, on one page of Markdown with its figures. Reads folders; computes nothing."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

from bleuberi.artifacts import write_text
from bleuberi.evaluation.table import markdown_table, read_evaluation, table_rows, verdicts
from bleuberi.plain_text import one_line
from bleuberi.training.figure import draw_grpo_curves, draw_sft_curve, read_metrics
from bleuberi.view.reading import read_lines


class Summary(NamedTuple):
    """The findings as they are printed, and the files that were written or used."""

    text: str
    files: list[Path]


def write_run_summary(path: Path, *, grpo: Path, sft: Path, evaluation: Path, dataset: Path) -> Summary:
    """Write the page and the curves beside it. The folders are those that the chain's commands left."""
    saved = read_evaluation(evaluation)
    curves = path.with_name("grpo_curves.png"), path.with_name("sft_curve.png")
    draw_grpo_curves(read_metrics(grpo), curves[0])
    draw_sft_curve(read_metrics(sft), curves[1])
    manifest = json.loads((dataset / "manifest.json").read_text(encoding="utf-8"))
    steps = json.loads((grpo / "manifest.json").read_text(encoding="utf-8"))["steps"]
    findings = [*verdicts(saved), *_cautions(saved, steps)]
    lines = [
        "# What the run found",
        "",
        *(f"- {finding}" for finding in findings),
        "",
        markdown_table(*table_rows(saved)),
        f"Data: {manifest['rows_out']} of {manifest['rows_in']} examples, {_drops(manifest)}.",
        "",
        "![GRPO](grpo_curves.png)",
        "![SFT](sft_curve.png)",
        f"![differences]({evaluation.name}/differences.png)",
        "",
        "## Answers to held-out prompts, the largest changes first",
        "",
        *_examples(evaluation, saved),
        "## How the numbers were made",
        "",
        *(f"- {metric}: `{signature}`" for metric, signature in saved["signatures"].items()),
        f"- answers: `{saved['config']['sampling_signature']}`",
        f"- intervals: {saved['models'][1]['difference'][next(iter(saved['signatures']))]['method']}",
    ]
    write_text(path, "\n".join(lines) + "\n")
    text = "\n".join(textwrap.fill(f"- {finding}", 110, subsequent_indent="  ") for finding in findings)
    files = [path, *curves, evaluation / "differences.png", evaluation / "answers.jsonl", dataset, grpo, sft]
    return Summary(text, files)


def _cautions(saved: dict[str, Any], steps: int) -> list[str]:
    """What the numbers do not show."""
    metric = next(iter(saved["signatures"]))
    base = saved["models"][0]
    said = []
    for model in saved["models"][1:]:
        if abs(model["mean_words"] - base["mean_words"]) > 0.1 * base["mean_words"]:
            said.append(
                f"{model['name']} writes {model['mean_words']:.0f} words an answer where {base['name']} writes "
                f"{base['mean_words']:.0f}: part of a change in {metric} can be length alone."
            )
    counted = f"{steps} GRPO {'step' if steps == 1 else 'steps'} and a test on {saved['prompts']} prompts"
    said.append(
        f"{counted} show that the chain works; they prove little about the method. {metric} rewards likeness to the "
        "references; whether people agree with it on your data is a question of its own."
    )
    return said


def _drops(manifest: dict[str, Any]) -> str:
    reasons = [f"{count} {reason}" for reason, count in manifest["dropped"].items() if count]
    return ", ".join(reasons) or "none dropped"


def _examples(evaluation: Path, saved: dict[str, Any], count: int = 3) -> list[str]:
    metric = next(iter(saved["signatures"]))
    base, trained = saved["models"][0]["name"], saved["models"][1]["name"]
    rows, _ = read_lines(evaluation / "answers.jsonl")
    rows.sort(
        key=lambda row: abs((row["scores"][trained][metric] or 0.0) - (row["scores"][base][metric] or 0.0)),
        reverse=True,
    )
    lines = []
    for row in rows[:count]:
        lines += [f"**{_quoted(row['prompt'])}**", ""]
        for name, answer in row["answers"].items():
            lines.append(f"- {name} ({metric} {row['scores'][name][metric] or 0.0:.3f}): {_quoted(answer)}")
        lines += [f"- reference: {_quoted(row['references'][0])}", ""]
    return lines


def _quoted(text: str) -> str:
    """Model text as one harmless line of Markdown."""
    return "`" + one_line(text).replace("`", "'") + "`"
