"""The kinds of charts on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.view.chart_style import BASE, INK, MAIN, QUIET, chart, colors, tip
from bleuberi.view.parts import Spec

Row = dict[str, Any]
_MOST_LABELS = 15  # points with names; more would hide each other


def histogram(
    edges: Sequence[float],
    counts: Mapping[str, Sequence[int]],
    label: str,
    *,
    rows: bool = False,
    line: float | None = None,
) -> Spec:
    """Two sets over the same bins, as shares of each set's rows, or as `rows`; the first set is drawn below the second.

    `line`: a value to mark with a dashed line.
    """
    names = list(counts)
    values = [
        {
            "set": name,
            "from": edges[bin_],
            "to": edges[bin_ + 1],
            "rows": found,
            "share": found / max(1, sum(counts[name])),
        }
        for name in names
        for bin_, found in enumerate(counts[name])
    ]
    x: Row = {"type": "quantitative", "axis": {"title": label, "tickCount": 6}}
    y_axis: Row = (
        {"title": "rows", "tickCount": 4} if rows else {"title": "share of rows", "format": "%", "tickCount": 4}
    )
    bars_: Row = {
        "mark": {"type": "bar", "binSpacing": 0.5, "opacity": 0.72},
        "encoding": {
            "x": {"field": "from", "bin": {"binned": True}, **x},
            "x2": {"field": "to"},
            "y": {
                "field": "rows" if rows else "share",
                "type": "quantitative",
                "stack": None,
                "axis": {**y_axis, "tickCount": 4},
            },
            "color": {"field": "set", "type": "nominal", "scale": {"domain": names, "range": [BASE, MAIN]}},
            "tooltip": [
                tip("set", ""),
                tip("from", "from", ".3~g"),
                tip("to", "to", ".3~g"),
                tip("rows", "rows", ","),
                tip("share", "share", ".1%"),
            ],
        },
    }
    return chart(values, 190, **bars_) if line is None else chart(values, 190, layer=[bars_, _line(line, x)])


def bar_pairs(kinds: Mapping[str, tuple[int, int]], names: tuple[str, str], totals: tuple[int, int]) -> Spec:
    """Shares of each kind before and after, side by side."""
    values = [
        {"kind": kind, "set": name, "rows": rows, "share": rows / max(1, total)}
        for kind, pair in kinds.items()
        for name, rows, total in zip(names, pair, totals, strict=True)
    ]
    return chart(
        values,
        24 + 34 * len(kinds),
        mark={"type": "bar"},
        encoding={
            "y": {"field": "kind", "type": "nominal", "sort": None, "axis": {"title": None, "labelColor": INK}},
            "yOffset": {"field": "set", "sort": list(names)},
            "x": {
                "field": "share",
                "type": "quantitative",
                "axis": {"title": "share of rows", "format": "%", "tickCount": 5, "grid": True},
            },
            "color": {"field": "set", "type": "nominal", "scale": {"domain": list(names), "range": [BASE, MAIN]}},
            "tooltip": [tip("kind", ""), tip("set", ""), tip("rows", "rows", ","), tip("share", "share", ".1%")],
        },
    )


def bars(counts: Mapping[str, int], label: str) -> Spec:
    """One bar per kind, with its number at the end."""
    values = [{"kind": kind, "rows": rows} for kind, rows in counts.items()]
    y = {
        "field": "kind",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelColor": INK, "labelLimit": 210},
    }
    x: Row = {
        "field": "rows",
        "type": "quantitative",
        "axis": {"title": label, "tickCount": 5, "format": ",d", "grid": True},
        "scale": {"padding": 0},
    }
    return chart(
        values,
        24 + 26 * len(values),
        layer=[
            {"mark": {"type": "bar", "color": MAIN, "opacity": 0.8, "height": {"band": 0.62}}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fill": INK},
                "encoding": {"text": {"field": "rows", "format": ","}},
            },
        ],
        encoding={"y": y, "x": x, "tooltip": [tip("kind", ""), tip("rows", label, ",")]},
    )


def intervals(values: list[Row], label: str, *, form: str = ".3f", lines: Sequence[float | None] = ()) -> Spec:
    """Dots with intervals: rows of `name`, `value`, `low`, `high` (None: not known) and `group`, which colours.

    `lines`: values to mark with dashed lines; None is left out.
    """
    groups = list(dict.fromkeys(row["group"] for row in values))
    y = {
        "field": "name",
        "type": "nominal",
        "sort": None,
        "axis": {"title": None, "labelColor": INK, "labelLimit": 190},
    }
    x: Row = {
        "type": "quantitative",
        "scale": {"zero": False, "nice": True, "padding": 10},
        "axis": {"title": label, "tickCount": 4, "grid": True, "format": ".6~g"},  # Vega shortens ~g to 2e+1
    }
    color: Row = {"field": "group", "type": "nominal", "scale": colors(groups)}
    if len(groups) == 1:
        color["legend"] = None
    tips = [tip("name", ""), tip("value", "value", form), tip("low", "low", form), tip("high", "high", form)]
    rule = {"type": "rule", "strokeWidth": 3, "opacity": 0.45, "strokeCap": "round"}
    layers: list[Row] = [
        *_spans(values, rule, {"x": {**x, "field": "low"}, "x2": {"field": "high"}}),
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {"x": {**x, "field": "value"}},
        },
        {
            "mark": {"type": "text", "dy": -11, "fontSize": 10.5, "fill": INK},
            "encoding": {"x": {**x, "field": "value"}, "text": {"field": "value", "format": form}},
        },
    ]
    layers = [*(_line(at, x) for at in lines if at is not None), *layers]
    shared: Row = {"y": y, "color": color, "tooltip": tips}
    for layer in layers:
        if "data" not in layer:
            layer["encoding"] = {**shared, **layer["encoding"]}
    return chart(values, 34 + 40 * len(values), layer=layers)


def ranked(values: list[Row], label: str) -> Spec:
    """Differences by example, the largest gain first: rows of `rank`, `series`, `value`, `id`."""
    names = list(dict.fromkeys(row["series"] for row in values))
    color: Row = {"field": "series", "type": "nominal", "scale": colors(names)}
    if len(names) == 1:
        color["legend"] = None
    return chart(
        values,
        210,
        layer=[
            {
                "data": {"values": [{"zero": 0}]},
                "mark": {"type": "rule", "stroke": QUIET},
                "encoding": {"y": {"field": "zero", "type": "quantitative"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 30, "opacity": 0.85},
                "encoding": {
                    "x": {
                        "field": "rank",
                        "type": "quantitative",
                        "scale": {"nice": False, "padding": 6},
                        "axis": {"title": "prompts, largest gain first", "tickCount": 6, "format": "d"},
                    },
                    "y": {
                        "field": "value",
                        "type": "quantitative",
                        "axis": {"title": label, "tickCount": 5, "format": "+.2~f"},
                    },
                    "color": color,
                    "tooltip": [tip("series", ""), tip("id", "id"), tip("value", "difference", "+.3f")],
                },
            },
        ],
    )


def scatter(values: list[Row], x_label: str, y_label: str) -> Spec:
    """Points with vertical intervals: rows of `name`, `x`, `value`, `low`, `high`."""
    y: Row = {"type": "quantitative", "scale": {"zero": False}, "axis": {"title": y_label, "tickCount": 5}}
    x: Row = {
        "field": "x",
        "type": "quantitative",
        "scale": {"zero": False, "padding": 8},
        "axis": {"title": x_label, "tickCount": 6},
    }
    tips = [
        tip("name", ""),
        tip("x", x_label, ".4~g"),
        tip("value", y_label, ".4~g"),
        tip("low", "low", ".4~g"),
        tip("high", "high", ".4~g"),
    ]
    rule = {"type": "rule", "stroke": MAIN, "opacity": 0.35, "strokeWidth": 2}
    text = {"type": "text", "align": "left", "dx": 7, "fontSize": 10, "fill": QUIET, "limit": 150}
    name: Row = {"mark": text, "encoding": {"x": x, "y": y | {"field": "value"}, "text": {"field": "name"}}}
    return chart(
        values,
        260,
        layer=[
            *([name] if len(values) <= _MOST_LABELS else []),
            *_spans(values, rule, {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}),
            {
                "mark": {"type": "point", "filled": True, "size": 60, "color": MAIN, "opacity": 0.9},
                "encoding": {"x": x, "y": y | {"field": "value"}, "tooltip": tips},
            },
        ],
    )


def _line(at: float, x: Row) -> Row:
    """A layer with a vertical dashed line."""
    return {
        "data": {"values": [{"at": at}]},
        "mark": {"type": "rule", "stroke": QUIET, "strokeDash": [3, 3]},
        "encoding": {"x": {**x, "field": "at"}},
    }


def _spans(values: Sequence[Row], mark: Row, encoding: Row) -> list[Row]:
    """A layer of intervals if any is known; without one, its axis would be infinite."""
    if not any(row.get("low") is not None and row.get("high") is not None for row in values):
        return []
    return [
        {"transform": [{"filter": "isValid(datum.low) && isValid(datum.high)"}], "mark": mark, "encoding": encoding}
    ]
