"""Writes the tables of the experiments between marks in README.md: `make docs` does it, and a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bleuberi.evaluation.record import EvaluationRecord
from bleuberi.statistics.shown import difference

ROOT = Path(__file__).parent.parent
EXPERIMENTS = ("learn_facts", "learn_e2e")
README = ROOT / "README.md"
BEGIN, END = "<!-- {name}: made by docs/make_result.py -->", "<!-- end of {name} -->"
ARMS = {
    "base": "the base model",
    "prompted": 'the base, told "Mention every fact. Do not add anything else."',
    "prompted_example": "the base, shown an example",
    "grpo": "**GRPO on BLEU**",
    "grpo_shuffled": "GRPO on BLEU against references of other prompts (placebo)",
    "sft": "SFT on the references",
    "sft_grpo": "SFT, then GRPO on BLEU",
    "length": "GRPO on length alone",
}


def result(evaluation: EvaluationRecord) -> str:
    """A table with a row for each arm, and the sentence of the primary question. Means of 0 to 1; intervals of 95 %."""
    between, base = evaluation.between(), evaluation.base
    lines = ["| | runs | BLEU | facts mentioned | gain over the base in facts | words |", "|---|---|---|---|---|---|"]
    for group in evaluation.groups:
        name, mean = group.name, group.mean
        gain = difference(between[base, name]["facts"]) if name != base else ""
        lines.append(
            f"| {ARMS[name]} | {len(group.members)} | {mean['bleu'].value:.3f} | {mean['facts'].value:.3f} | "
            f"{gain} | {mean['words'].value:.0f} |"
        )
    echo = next(row for row in evaluation.controls if row.name == "echo" and row.other == "grpo")
    words = f"{echo.mean_words:.0f}"
    lines.append(
        "| control: the last words of the prompt, as many as GRPO writes"
        f" | | {echo.mean['bleu'].value:.3f} | (copied) | | {words} |"
    )
    primary = next(one for one in evaluation.questions if one.primary)
    declared = f"The primary question, declared beforehand: *{primary.question}* {primary.sentence}"
    return "\n".join([*lines, "", declared])


def page(text: str, evaluations: Mapping[str, EvaluationRecord]) -> str:
    """README with each result between its marks."""
    for name, evaluation in evaluations.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{result(evaluation)}\n{end}{rest.partition(end)[2]}"
    return text


def read() -> dict[str, EvaluationRecord]:
    """The committed evaluations, by experiment."""
    return {name: EvaluationRecord.load(ROOT / "experiments" / name) for name in EXPERIMENTS}


if __name__ == "__main__":
    README.write_text(page(README.read_text(encoding="utf-8"), read()), encoding="utf-8")
