"""The demo's final output: responses before and after training, gains over every control, and caveats."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.evaluation.table import differences_to_base, interval, read_evaluation
from bleuberi.plain_text import one_line
from bleuberi.view.reading import read_lines

WIDTH: Final = 116
LABEL: Final = 46
METRIC: Final = "bleu"
TRUTH: Final = "facts"
CONTROLS: Final = {
    "echo": "the end of the prompt, repeated",
    "cut": "the base, cut to the same length",
    "brief": "the base, asked to be brief",
    "long": "the base, with a longer limit",
}


def summary(evaluation: Path) -> list[str]:
    """Terminal lines for an evaluation of one base and models with one training run each.

    Gains are in BLEU (0 to 1) and in facts mentioned (0 to 1), with 95 % intervals over prompts.
    """
    saved = read_evaluation(evaluation)
    rows, _ = read_lines(evaluation / "answers.jsonl")
    trained = [group["name"] for group in saved["groups"][1:]]
    lines = [*_examples(rows, saved["base"], trained), *_table(saved, trained), ""]
    lines += [line for name in trained for line in _wrapped(_finding(saved, name), "")]
    seeds = (
        "This is one training run per method: another seed may give another result. docs/lab_log.md has results of "
        "five runs per method and a placebo. On an imitation task like this one, SFT is cheaper and usually better."
    )
    return [*lines, *_wrapped(seeds, "")]


def _examples(rows: list[dict[str, Any]], base: str, trained: Sequence[str]) -> Iterator[str]:
    """The prompts with the largest, the median and the smallest gain of the first trained model."""
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


def _table(saved: dict[str, Any], trained: Sequence[str]) -> Iterator[str]:
    means = {group["name"]: group["mean"] for group in saved["groups"]}
    yield f"{saved['prompts']} prompts that no model was trained on; 95 % intervals over prompts"
    yield f"{'':<{LABEL}}{'BLEU':<27}{'facts mentioned':<27}words"
    yield _row(saved["base"], means[saved["base"]], f"{means[saved['base']]['words']['value']:.0f}")
    for name in trained:
        yield _row(name, means[name], f"{means[name]['words']['value']:.0f}")
        for label, difference in _gains(saved, name).items():
            truth = "(it copies them)" if label == CONTROLS["echo"] else interval(difference[TRUTH])
            yield f"{f'  gain over {label}':<{LABEL}}{interval(difference[METRIC]):<27}{truth}"


def _row(name: str, mean: dict[str, Any], words: str) -> str:
    return f"{name:<{LABEL}}" + "".join(f"{mean[metric]['value']:<27.3f}" for metric in (METRIC, TRUTH)) + words


def _gains(saved: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Differences by comparison, the base first."""
    return {"the base": differences_to_base(saved)[name]} | {
        CONTROLS.get(control["name"], control["name"]): control["difference"]
        for control in saved["controls"]
        if control["other"] == name and control["computed"]
    }


def _finding(saved: dict[str, Any], name: str) -> str:
    gains = _gains(saved, name)
    lows = {label: difference[METRIC]["low"] for label, difference in gains.items()}
    open_ones = [label for label, low in lows.items() if low is None or low <= 0]
    if open_ones:
        return f"{name}: not shown. The gain in BLEU over {', '.join(open_ones)} may be zero or less."
    truth = gains["the base"][TRUTH]
    facts = (
        f"and it mentions {100 * truth['value']:.0f} percentage points more of the facts than the base"
        if truth["low"] > 0
        else "but it is not shown to mention more of the facts"
    )
    return f"{name}: the gain in BLEU is above zero over all {len(gains)} comparisons, {facts}."


def _wrapped(text: str, start: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
