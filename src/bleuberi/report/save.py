"""Write a report's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bleuberi.artifacts import write_json, write_text
from bleuberi.atomic_files import disk_errors
from bleuberi.columns import safe_name
from bleuberi.errors import UserError
from bleuberi.report.build import build
from bleuberi.report.config import ReportConfig
from bleuberi.view.html import numbers, render
from bleuberi.view.parts import Section
from bleuberi.view.pictures import FORMS, write_pictures
from bleuberi.view.without_texts import own_name

PAGE = "report.html"
NUMBERS = "numbers.json"
FIGURES = "figures"


class Report(NamedTuple):
    """The written files, and the sections on the page."""

    page: Path
    files: list[Path]
    sections: list[Section]


def write_report(config: ReportConfig) -> Report:
    """Write the page, its numbers as JSON, and every chart as PNG and SVG. Errors: `UserError`.

    With `no_texts`, these files contain no text of the data, and figures of another report in the folder are an error.
    """
    folder, texts = config.folder, not config.no_texts
    sections = build(config.paths, texts=texts)
    if not texts:
        _refuse_others(folder / FIGURES, [] if config.no_figures else sections)
    named = (own_name(path if path.is_dir() else path.parent) for path in config.paths)
    page = render(sections, config.title or ", ".join(dict.fromkeys(named)), texts=texts)
    write_text(folder / PAGE, page)
    write_json(folder / NUMBERS, numbers(sections))
    files = [folder / PAGE, folder / NUMBERS]
    if not config.no_figures:
        _draw(sections, folder / FIGURES)
        files.append(folder / FIGURES)
    return Report(folder / PAGE, files, sections)


def _refuse_others(folder: Path, sections: Sequence[Section]) -> None:
    """Errors: `UserError` if the figures folder of a report to be shared has figures of another report, which may show
    texts."""
    charts = [(section, chart) for section in sections for chart in section.charts]
    own = {f"{safe_name(f'{section.id}_{chart.name}')}.{form}" for section, chart in charts for form in FORMS}
    others = sorted({path.name for path in folder.glob("*")} - own)
    if others:
        raise UserError(
            f"{folder} holds figures of another report, which may show ids: {', '.join(others[:3])}.",
            "Give another --output_dir, or remove them.",
        )


def _draw(sections: Sequence[Section], folder: Path) -> None:
    """Write every chart as PNG and SVG; other files in the folder are kept."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for section in sections:
            write_pictures(folder, section.charts, f"{section.id}_")
