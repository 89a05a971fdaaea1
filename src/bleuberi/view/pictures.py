"""Charts as PNG and SVG files, from the specifications that the page draws."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.atomic_files import fresh_file
from bleuberi.columns import safe_name
from bleuberi.errors import MissingExtraError
from bleuberi.view.chart_style import SCHEMA, for_file
from bleuberi.view.html import clean
from bleuberi.view.parts import Chart, Spec

FORMS: Final = ("png", "svg")
_WIDTH: Final = 620  # of one chart, in pixels
_LETTER: Final = 6.2  # of a subtitle, in pixels
_SCALE: Final = 2.0  # pixels of a PNG per pixel of the specification


def write_picture(path: Path, charts: Sequence[Chart], columns: int = 1) -> None:
    """Write the charts as one PNG or SVG file, by the path's ending, with titles, notes and signatures.

    Errors: `MissingExtraError` without vl-convert; `OSError`.
    """
    svg = _svg(charts, columns)
    with fresh_file(path) as partial:
        partial.write_bytes(_png(svg) if path.suffix == ".png" else svg.encode("utf-8"))


def write_pictures(folder: Path, charts: Sequence[Chart], prefix: str = "") -> list[Path]:
    """Write each chart as NAME.png and NAME.svg and return the paths; other files in the folder stay."""
    paths = []
    for chart in charts:
        stem = safe_name(f"{prefix}{chart.name}")
        svg = _svg([chart], 1)
        for form in FORMS:
            path = folder / f"{stem}.{form}"
            with fresh_file(path) as partial:
                partial.write_bytes(_png(svg) if form == "png" else svg.encode("utf-8"))
            paths.append(path)
    return paths


def _svg(charts: Sequence[Chart], columns: int) -> str:
    try:
        from vl_convert import vegalite_to_svg
    except ImportError as error:
        raise MissingExtraError("vl-convert-python", "report", "Drawing figures") from error
    svg: str = vegalite_to_svg(clean(_joined([_titled(chart) for chart in charts], columns)), allowed_base_urls=[])
    return svg


def _png(svg: str) -> bytes:
    from vl_convert import svg_to_png

    png: bytes = svg_to_png(svg, scale=_SCALE)
    return png


def _titled(chart: Chart) -> Spec:
    """The chart for a file: with a width, its title, and its note and signature below."""
    letters = int(_WIDTH / _LETTER)
    small = [line for text in (chart.note, chart.signature) if text
             for line in textwrap.wrap(text, letters, break_on_hyphens=False)]  # fmt: skip
    title = {"text": chart.title, "subtitle": small, "anchor": "start", "frame": "group", "limit": _WIDTH}
    return {**for_file(chart.spec, _WIDTH), "title": title}


def _joined(specs: Sequence[Spec], columns: int) -> Spec:
    if len(specs) == 1:
        return specs[0]
    whole = ("$schema", "config", "background", "padding", "autosize")
    parts = [{name: part for name, part in spec.items() if name not in whole} for spec in specs]
    found: dict[str, Any] = {name: specs[0][name] for name in ("config", "background", "padding")}
    apart = {"scale": {"color": "independent", "yOffset": "independent"}}
    return {"$schema": SCHEMA, **found, "concat": parts, "columns": columns, "resolve": apart}
