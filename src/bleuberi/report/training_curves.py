"""The course of a training run, drawn from its `metrics.jsonl`. Reads numbers; a run that crashed has them too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.report.page.reading import finite, read_lines
from bleuberi.report.style import BLUE, PALE_BLUE, new_figure, save, title

Entry = dict[str, Any]


def read_metrics(folder: Path) -> list[Entry]:
    """The log entries by step; of a step that was run twice, after a crash, the later one."""
    entries, _ = read_lines(folder / "metrics.jsonl")
    by_step = {(entry["step"], "train_runtime" in entry): entry for entry in entries}
    return [by_step[key] for key in sorted(by_step)]


def draw_grpo_curves(metrics: Sequence[Entry], path: Path) -> None:
    """Reward with its spread within the step, and the completions' length, over the steps."""
    figure, (reward_axis, length_axis) = new_figure(8, 3.4, cols=2)
    steps, rewards = _series(metrics, "reward")
    _, spread = _series(metrics, "reward_std")
    low = [mean - std for mean, std in zip(rewards, spread, strict=False)]
    high = [mean + std for mean, std in zip(rewards, spread, strict=False)]
    reward_axis.fill_between(steps[: len(low)], low, high, color=PALE_BLUE, alpha=0.5, linewidth=0)
    reward_axis.plot(steps, rewards, color=BLUE, marker="o", markersize=3)
    reward_axis.set_xlabel("step")
    title(reward_axis, "reward", "mean of the step's completions; band: one standard deviation")
    length_axis.plot(*_series(metrics, "completions/mean_length"), color=BLUE, marker="o", markersize=3)
    length_axis.set_xlabel("step")
    length_axis.set_ylim(bottom=0)
    title(length_axis, "completion length", "mean number of tokens")
    save(figure, path)


def draw_sft_curve(metrics: Sequence[Entry], path: Path) -> None:
    """Loss over the steps."""
    figure, (axis,) = new_figure(5, 3.4)
    axis.plot(*_series(metrics, "loss"), color=BLUE, marker="o", markersize=3)
    axis.set_xlabel("step")
    title(axis, "SFT loss", "cross-entropy of the answers' tokens, nats a token")
    save(figure, path)


def _series(metrics: Sequence[Entry], name: str) -> tuple[list[int], list[float]]:
    found = [(entry["step"], finite(entry[name])) for entry in metrics if name in entry]
    return [step for step, _ in found], [math.nan if value is None else value for _, value in found]
