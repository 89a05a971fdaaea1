"""The record of a selection as one figure. Reads `selection.json`; knows nothing of how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bleuberi.errors import UserError
from bleuberi.view.style import BLUE, INK, MUTED, PALE_BLUE, new_figure, save, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RECORD: Final = "selection.json"
FIGURE: Final = "selection.png"
_QUANTITIES: Final = {  # of the record -> title
    "score": "score",
    "length_ratio": "response / shortest reference",
    "brevity_penalty": "brevity penalty",
    "floor_distance": "score - smoothing floor",
}
_MOST_SOURCES: Final = 12


def draw_selection(folder: Path) -> Path | None:
    """Draw a data set's selection beside its record; None where it has no record (it was made by an older version).

    Errors: `UserError` where the record cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}", "Make the data set again with --overwrite.") from error
    shown = [name for name in _QUANTITIES if name in record["distributions"]]
    figure, axes = new_figure(
        15 if shown else 12, 3.2 * (2 if shown else 1), rows=2 if shown else 1, cols=4 if shown else 3
    )
    for axis, name in zip(axes, shown, strict=False):
        _draw_distribution(axis, _QUANTITIES[name], record["distributions"][name], legend=name == shown[0])
    for axis in axes[len(shown) : 4] if shown else []:
        axis.set_axis_off()
    below = axes[4:] if shown else axes
    _draw_mix(below[0], "Sources", record["source_mix"], record["kept"])
    _draw_mix(below[1], "Reference lengths", record["reference_length_mix"], record["kept"])
    _draw_drops(below[2], record)
    for axis in below[3:]:
        _write_facts(axis, record)
    save(figure, folder / FIGURE)
    return folder / FIGURE


def _draw_distribution(axis: Axes, name: str, values: dict[str, Any], *, legend: bool) -> None:
    edges = np.array(values["edges"])
    for counts, color, label in (("pool_counts", PALE_BLUE, "scored"), ("picked_counts", BLUE, "picked")):
        axis.bar(edges[:-1], values[counts], width=np.diff(edges), align="edge", color=color, label=label)
    if legend:
        axis.legend(frameon=False, fontsize=8)
    picked = values["picked"].get("median", float("nan"))
    title(axis, name, f"median: scored {values['pool']['median']:.3g}, picked {picked:.3g}")


def _draw_mix(axis: Axes, name: str, mix: dict[str, dict[str, int]], kept: int) -> None:
    """Shares before and after, the pool's largest kinds first (lengths in their order)."""
    total = sum(kind["pool"] for kind in mix.values())
    kinds = sorted(mix, key=lambda kind: -mix[kind]["pool"]) if len(mix) > _MOST_SOURCES else list(mix)
    kinds = kinds[:_MOST_SOURCES]
    places = np.arange(len(kinds))
    axis.barh(places - 0.2, [mix[kind]["pool"] / total for kind in kinds], 0.38, color=PALE_BLUE, label="pool")
    axis.barh(places + 0.2, [mix[kind]["picked"] / max(1, kept) for kind in kinds], 0.38, color=BLUE, label="picked")
    axis.set_yticks(places, [kind if len(kind) <= 22 else kind[:10] + "…" + kind[-11:] for kind in kinds], fontsize=7)
    axis.invert_yaxis()
    axis.grid(visible=False)
    axis.legend(frameon=False, fontsize=8)
    hidden = len(mix) - len(kinds)
    title(axis, name, "share of rows" + (f", {hidden} smaller not shown" if hidden > 0 else ""))


def _draw_drops(axis: Axes, record: dict[str, Any]) -> None:
    drops = {reason: count for reason, count in record["dropped"].items() if count}
    axis.barh(range(len(drops)), list(drops.values()), 0.6, color=MUTED)
    axis.set_yticks(range(len(drops)), list(drops), fontsize=7)
    for place, count in enumerate(drops.values()):
        axis.annotate(f" {count:,}", (count, place), va="center", fontsize=8, color=INK)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.grid(visible=False)
    title(axis, "Left out", f"kept {record['kept']:,} of {record['rows_in']:,}")


def _write_facts(axis: Axes, record: dict[str, Any]) -> None:
    axis.set_axis_off()
    lines = [f"mode: {record['selection_mode']}", *(record["reward_signature"] or "no scores").split("|")]
    if signal := record.get("signal"):
        lines += [
            f"{signal['samples_of_a_prompt']} samples a prompt",
            *_sampling_lines(signal["drawn_with"]),
            f"split-half reliability: {signal['split_half_reliability']}",
        ]
    axis.text(0, 0.95, "\n".join(lines), va="top", fontsize=8, color=INK, transform=axis.transAxes)


def _sampling_lines(drawn_with: object) -> list[str]:
    """Settings as they were recorded: a table of them, somebody else's words, or nothing."""
    if isinstance(drawn_with, dict):
        return [f"  {name}: {value}" for name, value in drawn_with.items()]
    return [f"  {word}" for word in str(drawn_with).strip("{}").split(", ")] if drawn_with else ["  drawn: not told"]
