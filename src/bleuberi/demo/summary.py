"""The demo's final output: responses before and after training, gains over every control, and caveats."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.evaluation.record import Differences, EvaluationRecord
from bleuberi.plain_text import one_line
from bleuberi.statistics import shown
from bleuberi.view.parts import Cell, Table, estimated, number
from bleuberi.view.reading import read_lines

WIDTH: Final = 116
METRIC: Final = "bleu"
TRUTH: Final = "facts"
CONTROLS: Final = {
    "echo": "the end of the prompt, repeated",
    "cut": "the base, cut to the same length",
    "brief": "the base, asked to be brief",
    "long": "the base, with a longer limit",
}


def examples(evaluation: Path) -> list[str]:
    """Three prompts: those with the largest, median and smallest gain of the first trained model, each with the
    responses of all models."""
    saved = EvaluationRecord.load(evaluation)
    rows, _ = read_lines(evaluation / "answers.jsonl")
    return list(_examples(rows, saved.base, _trained(saved)))


def gain_table(evaluation: Path) -> Table:
    """Means of BLEU and of facts mentioned (both 0 to 1), and each model's gain over the base and its controls."""
    saved = EvaluationRecord.load(evaluation)
    means = {group.name: group.mean for group in saved.groups}
    rows = []
    for name in (saved.base, *_trained(saved)):
        mean = means[name]
        words = number(mean["words"].value, 0)
        rows.append([Cell(name), *(number(mean[metric].value) for metric in (METRIC, TRUTH)), words])
        for label, difference in _gains(saved, name).items() if name != saved.base else ():
            copies = label == CONTROLS["echo"]
            truth = Cell("(it copies them)") if copies else estimated(difference[TRUTH], "+.3f")
            rows.append([Cell(f"  gain over {label}"), estimated(difference[METRIC], "+.3f"), truth, Cell("")])
    title = f"{saved.prompts} prompts that no model was trained on; 95 % intervals over prompts"
    return Table("gains", title, ["model", "BLEU", "facts mentioned", "words"], rows)


def findings(evaluation: Path) -> list[str]:
    """The findings for each trained model, and the limits of one training run per method."""
    saved = EvaluationRecord.load(evaluation)
    seeds = (
        "This is one training run per method: another seed may give another result. docs/lab_log.md has results of "
        "five runs per method and a placebo. On an imitation task like this one, SFT is cheaper and usually better."
    )
    return [
        line for text in (*(_finding(saved, name) for name in _trained(saved)), seeds) for line in _wrapped(text, "")
    ]


def _trained(saved: EvaluationRecord) -> list[str]:
    return [group.name for group in saved.groups[1:]]


def _examples(rows: list[dict[str, Any]], base: str, trained: Sequence[str]) -> Iterator[str]:
    first = trained[0]
    rows = sorted(rows, key=lambda row: row["scores"][first][METRIC] - row["scores"][base][METRIC])
    for what, row in (("largest", rows[-1]), ("median", rows[len(rows) // 2]), ("smallest", rows[0])):
        yield f"The prompt with the {what} gain of {first} in BLEU"
        yield from _wrapped(one_line(row["prompt"]), "  prompt     ")
        for name in (base, *trained):
            scores = row["scores"][name]
            told = f"{one_line(row['answers'][name])}  (BLEU {scores[METRIC]:.2f}, {scores[TRUTH]:.0%} of the facts)"
            yield from _wrapped(told, f"  {name:<11}")
        yield from _wrapped(one_line(row["references"][0]), "  reference  ")
        yield ""


def _gains(saved: EvaluationRecord, name: str) -> dict[str, Differences]:
    """Differences by comparison, the base first."""
    return {"the base": saved.between()[saved.base, name]} | {
        CONTROLS.get(control.name, control.name): control.difference
        for control in saved.controls
        if control.other == name and control.difference is not None
    }


def _finding(saved: EvaluationRecord, name: str) -> str:
    gains = _gains(saved, name)
    open_ones = [label for label, difference in gains.items() if shown.side(difference[METRIC]) < 1]
    if open_ones:
        return f"{name}: not shown. The gain in BLEU over {', '.join(open_ones)} may be zero or less."
    truth = gains["the base"][TRUTH]
    facts = (
        f"and it mentions {100 * truth.value:.0f} percentage points more of the facts than the base"
        if shown.side(truth) > 0
        else "but it is not shown to mention more of the facts"
    )
    return f"{name}: the gain in BLEU is above zero over all {len(gains)} comparisons, {facts}."


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
