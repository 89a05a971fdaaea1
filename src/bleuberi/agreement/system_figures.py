"""Draw agreement with labels of whole models. Knows `agreement.json` of kind systems; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.statistics.shown import correlation
from bleuberi.view.figure_style import COLORS, INK, KIND_COLORS, QUIET, new_figure, plain, save, spread, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Entry = Mapping[str, Any]

MOST_LABELS = 30


def draw_systems(result: Entry, directory: Path) -> list[Path]:
    """Correlations of every score, and the models one by one for the first reward beside the length baseline."""
    return _draw_correlations(result, directory) + _draw_scatter(result, directory)


def _draw_correlations(result: Entry, directory: Path) -> list[Path]:
    entries = [one for one in result["rewards"] if one["spearman"]["both"]["value"] is not None]
    if not entries:
        return []
    figure, (axes,) = new_figure(7.6, 1.5 + 0.36 * len(entries))
    for row, one in enumerate(reversed(entries)):
        color = KIND_COLORS[one["kind"]]
        both = one["spearman"]["both"]
        if both["low"] is not None:
            axes.plot([both["low"], both["high"]], [row, row], color=color, linewidth=2.4, alpha=0.55)
        axes.plot([both["value"]], [row], marker="o", markersize=6, color=color)
        axes.annotate(
            f"{both['value']:.2f}", (both["value"], row), (0, 5), textcoords="offset points", ha="center",
            fontsize=7.5, color=color,
        )  # fmt: skip
    axes.set_yticks(range(len(entries)), [one["name"] for one in reversed(entries)])
    axes.set_ylim(-0.7, len(entries) - 0.3)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(f"Spearman correlation with {result['label']}", fontsize=9, color=INK)
    titled(
        axes,
        "Do mean scores rank models as their label does?",
        f"{result['counts']['systems']} models; intervals over prompts and models",
    )
    return save(figure, directory, "systems_correlation")


def _draw_scatter(result: Entry, directory: Path) -> list[Path]:
    """Mean score against label, a model a point."""
    first = next(one for one in result["rewards"] if one["kind"] != "baseline")
    shown = [first, next(one for one in result["rewards"] if one["name"] == result["length_baseline"])]
    systems = result["systems"]
    figure, panels = new_figure(12.5, 6.2, columns=2)
    for axes, one in zip(panels, shown, strict=True):
        plain(axes, "both")
        x = [system["label"] for system in systems]
        y = [system["means"][one["name"]]["value"] for system in systems]
        means = [system["means"][one["name"]] for system in systems]
        # A model that answered one prompt has no interval; rounding may put a bound past its value.
        low = [0 if mean["low"] is None else max(0, mean["value"] - mean["low"]) for mean in means]
        high = [0 if mean["high"] is None else max(0, mean["high"] - mean["value"]) for mean in means]
        color = KIND_COLORS[one["kind"]]
        axes.errorbar(x, y, yerr=[low, high], fmt="o", markersize=5, color=color, ecolor=color, elinewidth=1, alpha=0.8)
        if len(systems) <= MOST_LABELS:
            _label_points(axes, [system["name"] for system in systems], x, y)
        axes.set_xlabel(str(result["label"]), fontsize=9, color=INK)
        axes.set_ylabel(f"mean {one['name']}", fontsize=9, color=INK)
        both = one["spearman"]["both"]
        titled(axes, one["name"], f"Spearman {correlation(both)}; bars: intervals over prompts")
    panels[0].title.set_color(COLORS[0])
    return save(figure, directory, "systems_scatter")


def _label_points(axes: Axes, names: Sequence[str], x: Sequence[float], y: Sequence[float]) -> None:
    """Names in a column right of the points, each joined to its point."""
    bottom, top = axes.get_ylim()
    left, right = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if left <= tick <= right]
    axes.set_xlim(left, right + 0.36 * (right - left))
    axes.set_xticks(ticks)
    gap = 0.026 * (top - bottom)
    for name, at, value, height in zip(names, x, y, spread(y, gap, bottom + gap), strict=True):
        axes.annotate(
            name if len(name) <= 30 else f"{name[:29]}…", (at, value), (right + 0.03 * (right - left), height),
            textcoords="data", fontsize=7, color=INK, va="center",
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.4, "alpha": 0.6, "relpos": (0, 0.5)},
        )  # fmt: skip
