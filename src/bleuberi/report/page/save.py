"""Write a report's files. Knows where they go and how charts become pictures; knows nothing of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bleuberi.artifacts import disk_errors, write_json, write_text
from bleuberi.columns import safe_name
from bleuberi.report.page.build import build
from bleuberi.report.page.chart_style import for_file
from bleuberi.report.page.parts import Section
from bleuberi.report.page.render import clean, numbers, render

PAGE = "report.html"
NUMBERS = "numbers.json"
FIGURES = "figures"


class Report(NamedTuple):
    """What was written, and what it shows."""

    page: Path
    files: list[Path]
    sections: list[Section]


def write_report(paths: Sequence[Path], folder: Path, title: str, *, figures: bool = True) -> Report:
    """The page, its numbers as JSON, and every chart as PNG and SVG. Errors: `UserError`."""
    sections = build(paths)
    page = render(sections, title)
    write_text(folder / PAGE, page)
    write_json(folder / NUMBERS, numbers(sections))
    files = [folder / PAGE, folder / NUMBERS]
    if figures:
        _draw(sections, folder / FIGURES)
        files.append(folder / FIGURES)
    return Report(folder / PAGE, files, sections)


def _draw(sections: Sequence[Section], folder: Path) -> None:
    """Every chart as PNG and SVG; what else lies in the folder is let alone."""
    from vl_convert import svg_to_png, vegalite_to_svg

    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for section in sections:
            for chart in section.charts:
                path = folder / safe_name(f"{section.id}_{chart.name}")
                svg = vegalite_to_svg(clean(for_file(chart.spec)), allowed_base_urls=[])
                path.with_name(f"{path.name}.svg").write_text(svg, encoding="utf-8")
                path.with_name(f"{path.name}.png").write_bytes(svg_to_png(svg, scale=2.0))
