"""The style of charts, on a light or dark page and in a file.

Colours are CSS variables of the page, so a chart follows the page's colour scheme; files get the light colours.
"""

from __future__ import annotations

import json
from typing import Any, Final

from bleuberi.strict_json import strict_json
from bleuberi.view.parts import Spec

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
BASE: Final = "var(--chart-base)"
MAIN: Final = "var(--chart-1)"
SERIES: Final = ("var(--chart-1)", "var(--chart-2)", "var(--chart-3)", "var(--chart-4)", "var(--chart-5)",
                 "var(--chart-6)")  # fmt: skip
INK: Final = "var(--ink)"
QUIET: Final = "var(--quiet)"
LINE: Final = "var(--line)"

# As in page.css for light pages; told apart with any colour vision (after Okabe and Ito).
LIGHT: Final = {
    "--chart-base": "#a9b4cc", "--chart-1": "#3b5bdb", "--chart-2": "#d9480f", "--chart-3": "#0b8a5f",
    "--chart-4": "#a6478f", "--chart-5": "#b07d00", "--chart-6": "#2791b8", "--ink": "#1d2433", "--quiet": "#5d6880",
    "--line": "#dfe3ec", "--paper": "#ffffff",
}  # fmt: skip

CONFIG: Final[dict[str, Any]] = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {
        "labelColor": QUIET, "titleColor": QUIET, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
        "gridColor": LINE, "domain": False, "ticks": False, "labelPadding": 6, "titlePadding": 8, "labelLimit": 150,
    },
    "axisX": {"grid": False, "domain": True, "domainColor": LINE},
    "legend": {
        "labelColor": INK, "labelFontSize": 11, "orient": "top", "title": None, "symbolType": "circle",
        "symbolStrokeWidth": 2.5, "symbolSize": 60, "symbolOpacity": 1, "offset": 4, "labelLimit": 150, "columns": 2,
    },
    "header": {"labelColor": INK, "title": None, "labelFontSize": 11},
    "text": {"fill": QUIET, "fontSize": 11},
    "title": {"color": INK, "fontSize": 13, "subtitleColor": QUIET, "subtitleFontSize": 10.5, "offset": 10},
    "bar": {"cornerRadius": 1.5},
}  # fmt: skip


def chart(values: list[dict[str, Any]], height: int, **parts: object) -> Spec:
    """A specification that fills the available width, with one flat table of data."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": values},
        "config": CONFIG,
        **parts,
    }


def for_file(spec: Spec, width: int) -> Spec:
    """The same chart with light colours and a width in pixels, without the layers that only appear under a pointer."""
    still = {**spec, "layer": [layer for layer in spec.get("layer", ()) if "params" not in layer]}
    text = strict_json(still if "layer" in spec else spec, ascii_only=True)
    for name, color in LIGHT.items():
        text = text.replace(f"var({name})", color)
    fixed: Spec = json.loads(text)
    fixed["width"] = width
    fixed["background"] = LIGHT["--paper"]
    fixed["padding"] = 12
    return fixed


def colors(names: list[str]) -> dict[str, Any]:
    """A colour scale over the names, in their order."""
    return {"domain": names, "range": [SERIES[place % len(SERIES)] for place in range(len(names))]}


def tip(field: str, title: str, form: str | None = None) -> dict[str, Any]:
    """A line of a tooltip."""
    found: dict[str, Any] = {"field": field, "title": title or field}
    if form is None:
        return {**found, "type": "nominal"}
    return {**found, "type": "quantitative", "format": form}
