"""Curves over the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from bleuberi.view.chart_style import LINE, SERIES, chart, colors, tip
from bleuberi.view.parts import Spec

Row = dict[str, Any]
SMOOTHED_FROM: Final = 60  # entries of a series
_MOST_POINTS: Final = 500  # of a series; more are not told apart, and make a page heavy


def lines(
    values: list[Row],  # step, series, value; optionally low and high
    label: str,
    *,
    form: str = ".3~g",
    zero: bool = False,
    marks: Sequence[Row] = (),  # step, text: upright lines
    domain: tuple[float, float] | None = None,
) -> Spec:
    """Curves over the steps; a pointer shows all values of a step. Long curves get a thick smoothed line."""
    names = list(dict.fromkeys(row["series"] for row in values))
    values = [row for name in names for row in _smoothed([row for row in values if row["series"] == name])]
    smooth = any("smooth" in row for row in values)
    if smooth:  # a short series beside long ones is drawn as they are
        values = [{"smooth": row["value"], **row} for row in values]
    y_scale: Row = {"zero": zero, "nice": True} if domain is None else {"domain": list(domain)}
    axis = {"title": label, "format": form.replace("f", "~f"), "tickCount": 5}
    y: Row = {"type": "quantitative", "scale": y_scale, "axis": axis}
    color: Row = {"field": "series", "type": "nominal", "scale": colors(names)}
    if len(names) == 1:
        color["legend"] = None
    elif len(names) > len(SERIES):
        color["legend"] = {"symbolType": "stroke", "symbolSize": 300}
    layers: list[Row] = []
    if any("low" in row for row in values):
        layers.append(
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.13, "clip": domain is not None},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    thin = {"type": "line", "strokeJoin": "round", "strokeWidth": 1 if smooth else 2, "opacity": 0.45 if smooth else 1}
    points = {} if smooth else {"point": {"filled": True, "size": 26}}
    layers.append({"mark": {**thin, **points}, "encoding": {"y": {**y, "field": "value"}}})
    if smooth:
        layers.append(
            {
                "mark": {"type": "line", "strokeJoin": "round", "strokeWidth": 2.4},
                "encoding": {"y": {**y, "field": "smooth"}},
            }
        )
    for mark in marks:
        layers.append(
            {
                "data": {"values": [mark]},
                "mark": {"type": "rule", "stroke": SERIES[1], "strokeDash": [4, 3]},
                "encoding": {
                    "x": {"field": "step", "type": "quantitative"},
                    "color": {"value": SERIES[1]},
                    "tooltip": [tip("step", "step"), tip("text", "warning")],
                },
            }
        )
    layers.append(_crosshair(names, form))
    return chart(
        values,
        210,
        layer=layers,
        encoding={
            "x": {
                "field": "step",
                "type": "quantitative",
                "axis": {"title": "step", "tickMinStep": 1, "format": "d", "tickCount": 6},
                "scale": {"nice": False, "padding": 6},
            },
            "color": color,
            **_dashes(names),
        },
    )


def _dashes(names: Sequence[str]) -> Row:
    """Dashes that distinguish lines with the same colour; empty if no colour is used twice."""
    if len(names) <= len(SERIES):
        return {}
    kinds = [[1, 0], [6, 3], [2, 2]]
    scale = {"domain": list(names), "range": [kinds[place // len(SERIES) % len(kinds)] for place in range(len(names))]}
    legend = {"symbolType": "stroke", "symbolSize": 300}
    return {"strokeDash": {"field": "series", "type": "nominal", "scale": scale, "legend": legend}}


def _crosshair(names: Sequence[str], form: str) -> Row:
    """An upright line at the nearest step, with the values of all series."""
    tips: list[Row] = [
        tip("step", "step"),
        *({"field": name, "type": "quantitative", "format": form} for name in map(_escaped, names)),
    ]
    return {
        "transform": [{"pivot": "series", "value": "value", "groupby": ["step"]}],
        "params": [
            {
                "name": "near",
                "select": {
                    "type": "point",
                    "fields": ["step"],
                    "nearest": True,
                    "on": "pointerover",
                    "clear": "pointerout",
                },
            }
        ],
        "mark": {"type": "rule", "strokeWidth": 1},
        "encoding": {
            "color": {"value": LINE},
            "opacity": {"condition": {"param": "near", "value": 1, "empty": False}, "value": 0},
            "tooltip": tips,
        },
    }


def _escaped(field: str) -> str:
    """A name as a field: dots and brackets would be paths."""
    return "".join(f"\\{char}" if char in ".[]\\'\"" else char for char in field)


def _smoothed(rows: list[Row]) -> list[Row]:
    """Long series with a centred mean beside each value; it covers a fifteenth of the entries."""
    if len(rows) < SMOOTHED_FROM:
        return rows
    reach = max(2, len(rows) // 30)
    found = []
    # Of the shown points alone: of all of them the means would take n² steps.
    for place in range(0, len(rows), max(1, -(-len(rows) // _MOST_POINTS))):
        near = [one["value"] for one in rows[max(0, place - reach) : place + reach + 1]]
        found.append({**rows[place], "smooth": sum(near) / len(near)})
    return found
