"""How the figures look, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any colour vision.
COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
INK: Final = "#222222"
QUIET: Final = "#8a8a8a"
GRID: Final = "#e4e4e4"
KIND_COLORS: Final = {"reward": COLORS[0], "column": COLORS[2], "mix": COLORS[3], "baseline": QUIET}


def new_figure(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure in inches with its axes in a row."""
    from matplotlib.figure import Figure  # heavy, and only drawing needs it

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for one in axes:
        plain(one)
    return figure, list(axes)


def plain(axes: Axes, grid: str = "x") -> None:
    """Only what helps reading: no box, a pale grid."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.grid(False)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def titled(axes: Axes, title: str, below: str = "") -> None:
    """A title that says what is to be seen, and a quiet line under it."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=20 if below else 8)
    if below:
        axes.annotate(
            below, (0, 1), (0, 7), xycoords="axes fraction", textcoords="offset points", fontsize=8.5, color=QUIET
        )


def spread(values: Sequence[float], gap: float, bottom: float = -math.inf) -> list[float]:
    """Heights for labels at `values`: moved apart to `gap` where they would overlap, kept near and above `bottom`."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    groups: list[list[int]] = []
    centers: list[float] = []
    for index in order:
        groups.append([index])
        centers.append(max(values[index], bottom))
        # Neighbours that would overlap become one group around their mean.
        while len(groups) > 1 and centers[-1] - centers[-2] < gap * (len(groups[-1]) + len(groups[-2])) / 2:
            last = groups.pop()
            centers.pop()
            groups[-1] += last
            mean = sum(values[one] for one in groups[-1]) / len(groups[-1])
            centers[-1] = max(mean, bottom + gap * (len(groups[-1]) - 1) / 2)
    placed = [0.0] * len(values)
    for center, group in zip(centers, groups, strict=True):
        for place, index in enumerate(group):
            placed[index] = center + gap * (place - (len(group) - 1) / 2)
    return placed


def save(figure: Figure, directory: Path, name: str) -> list[Path]:
    """Write `name`.png and `name`.svg."""
    import matplotlib as mpl  # heavy, and only drawing needs it

    paths = [directory / f"{name}.png", directory / f"{name}.svg"]
    # Text stays text in the SVG, and equal figures are equal files.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bleuberi"}):
        figure.savefig(paths[0], dpi=160, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
