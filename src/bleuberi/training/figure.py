"""The course of a training run, drawn from its `metrics.jsonl`. Reads numbers; a run that crashed has them too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.training.view_charts import series
from bleuberi.view.reading import read_lines
from bleuberi.view.style import BLUE, PALE_BLUE, new_figure, save, title

Entry = dict[str, Any]


def read_metrics(folder: Path) -> list[Entry]:
    """The log entries by step; of a step that was run twice, after a crash, the later one."""
    entries, _ = read_lines(folder / "metrics.jsonl")
    by_step = {(entry["step"], "train_runtime" in entry): entry for entry in entries}
    return [by_step[key] for key in sorted(by_step)]


def draw_grpo_curves(metrics: Sequence[Entry], path: Path) -> None:
    """Reward with its spread within the step, and the completions' length, over the steps."""
    figure, (reward_axis, length_axis) = new_figure(8, 3.4, cols=2)
    rewards, spread = series(metrics, "reward"), dict(series(metrics, "reward_std"))
    steps = [step for step, _ in rewards if step in spread]
    low = [mean - spread[step] for step, mean in rewards if step in spread]
    high = [mean + spread[step] for step, mean in rewards if step in spread]
    reward_axis.fill_between(steps, low, high, color=PALE_BLUE, alpha=0.5, linewidth=0)
    _plot(reward_axis, metrics, "reward")
    reward_axis.set_xlabel("step")
    title(reward_axis, "reward", "mean of the step's completions; band: one standard deviation")
    _plot(length_axis, metrics, "completions/mean_length")
    length_axis.set_xlabel("step")
    length_axis.set_ylim(bottom=0)
    title(length_axis, "completion length", "mean number of tokens")
    save(figure, path)


def draw_sft_curve(metrics: Sequence[Entry], path: Path) -> None:
    """Loss over the steps."""
    figure, (axis,) = new_figure(5, 3.4)
    _plot(axis, metrics, "loss")
    axis.set_xlabel("step")
    title(axis, "SFT loss", "cross-entropy of the answers' tokens, nats a token")
    save(figure, path)


def _plot(axis: Any, metrics: Sequence[Entry], name: str) -> None:  # noqa: ANN401 - matplotlib's Axes
    """A metric over the steps that have a number for it."""
    values = series(metrics, name)
    axis.plot([step for step, _ in values], [value for _, value in values], color=BLUE, marker="o", markersize=3)
