"""One look for every figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bleuberi.atomic_files import fresh_file
from bleuberi.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#1f2933"
MUTED: Final = "#8a97a6"
BLUE: Final = "#3b5bdb"
PALE_BLUE: Final = "#bac8ff"
ORANGE: Final = "#e8590c"
SERIES: Final = (BLUE, ORANGE, "#2b8a3e", "#862e9c", "#c2255c", "#0b7285")


def new_figure(width: float = 7.0, height: float = 4.0, rows: int = 1, cols: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure and its axes, row by row. It belongs to no window, so no display is needed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as MatplotlibFigure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report", "Drawing figures") from error
    figure = MatplotlibFigure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(rows, cols, squeeze=False).flat)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(MUTED)
        axis.tick_params(colors=INK, labelsize=9)
        axis.grid(axis="y", color="#e9ecef", linewidth=0.8)
        axis.set_axisbelow(True)
    return figure, axes


def title(axis: Axes, text: str, note: str = "") -> None:
    """What is seen, and below it in small print, on one or more lines, how the numbers were made."""
    lines = len(note.splitlines())
    axis.set_title(text, loc="left", fontsize=11, color=INK, fontweight="bold", pad=10 + 12 * lines if note else 8)
    if note:
        axis.text(0, 1.02, note, transform=axis.transAxes, fontsize=8, color=MUTED, va="bottom")


def save(figure: Figure, path: Path) -> None:
    """Write PNG or SVG by the path's ending, whole or not at all; the same numbers give the same bytes."""
    import matplotlib as mpl

    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with fresh_file(path) as partial, mpl.rc_context({"svg.hashsalt": "bleuberi"}):
        figure.savefig(partial, dpi=150, metadata=metadata)
