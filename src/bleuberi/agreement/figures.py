"""Draw what `agreement.json` says, as PNG and SVG. Knows that file; computes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.agreement.system_figures import draw_systems
from bleuberi.view.figure_style import COLORS, INK, KIND_COLORS, QUIET, new_figure, plain, save, spread, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Entry = Mapping[str, Any]


def draw_agreement(result_file: Path) -> list[Path]:
    """All figures of an `agreement.json`, beside it."""
    result = json.loads(result_file.read_text(encoding="utf-8"))
    directory = result_file.parent
    if result["kind"] == "references":
        return []
    if result["kind"] != "pairs":
        return draw_systems(result, directory)
    written = _draw_rewards(result, directory) + _draw_lead(result, directory)
    if result["curves"]:
        written += _draw_curves(result, directory)
    if "figure_1" in result:
        written += _draw_figure_1(result, directory)
    if len(result["rewards"][0]["sources"]) > 1:
        written += _draw_sources(result, directory)
    return written


def _draw_rewards(result: Entry, directory: Path) -> list[Path]:
    """Agreement of every reward and baseline, with the annotators' own as the ceiling."""
    entries = [one for one in result["rewards"] if one["name"] != "random"]
    figure, (axes,) = new_figure(7.6, 1.5 + 0.34 * len(entries))
    for row, one in enumerate(reversed(entries)):
        _interval(axes, one["agreement"], row, KIND_COLORS[one["kind"]])
    axes.set_yticks(range(len(entries)), [one["name"] for one in reversed(entries)])
    axes.set_ylim(-0.7, len(entries) - 0.2)
    axes.axvline(50, color=QUIET, linewidth=1, linestyle=":")
    axes.annotate("coin", (50, len(entries) - 0.45), (3, 0), textcoords="offset points", fontsize=8, color=QUIET)
    ceiling = result["annotators"]["with_others"]
    if ceiling:
        axes.axvline(100 * ceiling["value"], color=COLORS[1], linewidth=1, linestyle="--")
        axes.annotate(
            "annotators ", (100 * ceiling["value"], len(entries) - 0.45), ha="right", fontsize=8, color=COLORS[1]
        )
    axes.set_xlabel("agreement with people, % of decisive pairs", fontsize=9, color=INK)
    counts = result["counts"]
    titled(
        axes,
        "How often each score prefers what people prefer",
        f"{counts['decisive_pairs']:,} decisive pairs, {counts['prompts']:,} prompts; bars: "
        f"{result['sureness']['confidence']:.0%} intervals over prompts; grey: baselines",
    )
    return save(figure, directory, "agreement")


def _draw_lead(result: Entry, directory: Path) -> list[Path]:
    """Every reward's lead over the length baseline."""
    baseline = result["length_baseline"]
    lead = [one for one in result["comparisons"] if one["base"] == baseline]
    kind = {one["name"]: one["kind"] for one in result["rewards"]}
    figure, (axes,) = new_figure(7.6, 1.5 + 0.38 * len(lead))
    for row, one in enumerate(reversed(lead)):
        _interval(axes, one["difference"], row, KIND_COLORS[kind[one["other"]]], signed=True)
        axes.annotate(
            f"p = {one['p_value']:.2g}", (1.0, row), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=8, color=QUIET,
        )  # fmt: skip
    axes.set_yticks(range(len(lead)), [one["other"] for one in reversed(lead)])
    axes.set_ylim(-0.7, len(lead) - 0.3)
    axes.axvline(0, color=INK, linewidth=1)
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.14 * (high - low))  # room for the p values
    axes.set_xlabel("percentage points more agreement than the longer response has", fontsize=9, color=INK)
    titled(
        axes,
        f"Lead over the length baseline ({baseline})",
        "paired, on the same resamples; p corrected for all comparisons",
    )
    return save(figure, directory, "lead_over_length")


def _draw_curves(result: Entry, directory: Path) -> list[Path]:
    """Agreement by number of references."""
    names = list(dict.fromkeys(one["reward"] for one in result["curves"]))
    figure, (axes,) = new_figure(7.6, 4.2)
    plain(axes, "y")
    points = {name: [one for one in result["curves"] if one["reward"] == name and one["agreement"]] for name in names}
    tops, colors = [], []
    longest = max(one["references"] for one in result["curves"])
    for index, name in enumerate(names):
        color = COLORS[index % len(COLORS)]
        x = [one["references"] for one in points[name]]
        y = [100 * one["agreement"]["value"] for one in points[name]]
        if not index:  # bands of several rewards would hide each other
            lows = [100 * (one["agreement"]["low"] or 0) for one in points[name]]
            highs = [100 * (one["agreement"]["high"] or 0) for one in points[name]]
            axes.fill_between(x, lows, highs, color=color, alpha=0.09, linewidth=0)
        axes.plot(x, y, color=color, linewidth=2, marker="o", markersize=5)
        tops.append(y[-1])
        colors.append(color)
    labels = [f"{name} {top:.1f}" for name, top in zip(names, tops, strict=True)]
    length = next(one for one in result["rewards"] if one["name"] == result["length_baseline"])["agreement"]
    axes.plot([1, longest], [100 * length["value"]] * 2, color=QUIET, linewidth=1.2, linestyle="--")
    axes.margins(y=0.08)
    low, high = axes.get_ylim()
    tops.append(100 * length["value"])
    labels.append(f"{result['length_baseline']} {100 * length['value']:.1f}")
    for label, color, top in zip(labels, [*colors, QUIET], spread(tops, 0.055 * (high - low)), strict=True):
        axes.annotate(label, (longest, top), (9, 0), textcoords="offset points", fontsize=9, va="center", color=color)
    axes.set_xticks(range(1, longest + 1))
    axes.set_xlim(0.85, longest + 0.24 * longest)
    axes.set_xlabel("number of references", fontsize=9, color=INK)
    axes.set_ylabel("agreement with people, %", fontsize=9, color=INK)
    pairs = max(one["agreement"]["n"] for curve in points.values() for one in curve)
    titled(
        axes,
        "Agreement by number of references",
        f"{pairs:,} pairs with {longest} references; mean over sampled orders"
        + f"; band: interval of {names[0]} over prompts",
    )
    return save(figure, directory, "references")


def _draw_figure_1(result: Entry, directory: Path) -> list[Path]:
    """The paper's figure: one row for each score, its highest number of references, and BLEU with each number."""
    entries = [one for one in result["figure_1"] if one["references"] is None or one["score"] == "bleu"]
    last = {one["score"]: one for one in result["figure_1"]}
    entries += [one for name, one in last.items() if one not in entries]
    kinds = {one["name"]: one["kind"] for one in result["rewards"]}
    figure, (axes,) = new_figure(7.6, 1.5 + 0.34 * len(entries))
    labels = [one["score"] + (f", {one['references']} ref" if one["references"] else "") for one in entries]
    for row, one in enumerate(reversed(entries)):
        _interval(axes, one["same_winner"], row, KIND_COLORS[kinds[one["score"]]])
        if one["paper"] is not None:
            axes.plot([one["paper"]], [row], marker="x", color=INK)
    axes.set_yticks(range(len(entries)), list(reversed(labels)))
    axes.set_ylim(-0.7, len(entries) - 0.2)
    axes.set_xlabel("the same winner as people, % of all pairs", fontsize=9, color=INK)
    pairs = max(one["same_winner"]["n"] for one in entries)
    titled(axes, "Figure 1 of the paper, from its released files", f"{pairs:,} pairs; x: the published number")
    return save(figure, directory, "figure_1")


def _draw_sources(result: Entry, directory: Path) -> list[Path]:
    """The first reward and the length baseline, source by source."""
    reward = next(one for one in result["rewards"] if one["kind"] != "baseline")
    baseline = next(one for one in result["rewards"] if one["name"] == result["length_baseline"])
    sources = [name for name, estimate in reward["sources"].items() if estimate]
    figure, (axes,) = new_figure(7.6, 1.7 + 0.55 * len(sources))
    for row, source in enumerate(reversed(sources)):
        _interval(axes, reward["sources"][source], row + 0.16, COLORS[0])
        _interval(axes, baseline["sources"][source], row - 0.16, QUIET)
    axes.set_yticks(
        range(len(sources)),
        [f"{name}\n{reward['sources'][name]['n']:,} pairs, {reward['sources'][name]['n_clusters']:,} prompts"
         for name in reversed(sources)],
    )  # fmt: skip
    axes.set_ylim(-0.6, len(sources) - 0.4)
    axes.axvline(50, color=QUIET, linewidth=1, linestyle=":")
    axes.set_xlabel("agreement with people, % of decisive pairs", fontsize=9, color=INK)
    titled(axes, "Source by source", f"blue: {reward['name']}; grey: {baseline['name']}; bars: intervals over prompts")
    return save(figure, directory, "sources")


def _interval(axes: Axes, estimate: Entry | None, row: float, color: str, *, signed: bool = False) -> None:
    """A dot with its interval and its number above; the interval is missing where nothing is known of it."""
    if not estimate:
        return
    value = 100 * estimate["value"]
    if estimate["low"] is not None and estimate["high"] is not None:
        axes.plot([100 * estimate["low"], 100 * estimate["high"]], [row, row], color=color, linewidth=2.4, alpha=0.55)
    axes.plot([value], [row], marker="o", markersize=6, color=color)
    axes.annotate(
        f"{value:+.1f}" if signed else f"{value:.1f}", (value, row), (0, 4), textcoords="offset points",
        ha="center", va="bottom", fontsize=7.5, color=color,
    )  # fmt: skip
