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
from bleuberi.view.html import numbers, render
from bleuberi.view.parts import Section
from bleuberi.view.pictures import FORMS, write_pictures
from bleuberi.view.without_texts import own_name

PAGE = "report.html"
NUMBERS = "numbers.json"
FIGURES = "figures"


class Report(NamedTuple):
    """What was written, and what it shows."""

    page: Path
    files: list[Path]
    sections: list[Section]


def write_report(
    paths: Sequence[Path], folder: Path, title: str = "", *, figures: bool = True, texts: bool = True
) -> Report:
    """The page, its numbers as JSON, and every chart as PNG and SVG. Errors: `UserError`.

    Without `texts` these hold none of the data; figures of another report in the folder are refused then.
    """
    sections = build(paths, texts=texts)
    if not texts:
        _refuse_others(folder / FIGURES, sections if figures else [])
    title = title or ", ".join(dict.fromkeys(own_name(path if path.is_dir() else path.parent) for path in paths))
    page = render(sections, title, texts=texts)
    write_text(folder / PAGE, page)
    write_json(folder / NUMBERS, numbers(sections))
    files = [folder / PAGE, folder / NUMBERS]
    if figures:
        _draw(sections, folder / FIGURES)
        files.append(folder / FIGURES)
    return Report(folder / PAGE, files, sections)


def _refuse_others(folder: Path, sections: Sequence[Section]) -> None:
    """A folder that is going to be shared holds no figures that were drawn with texts."""
    charts = [(section, chart) for section in sections for chart in section.charts]
    own = {f"{safe_name(f'{section.id}_{chart.name}')}.{form}" for section, chart in charts for form in FORMS}
    others = sorted({path.name for path in folder.glob("*")} - own)
    if others:
        raise UserError(
            f"{folder} holds figures of another report, which may show ids: {', '.join(others[:3])}.",
            "Give another --output_dir, or remove them.",
        )


def _draw(sections: Sequence[Section], folder: Path) -> None:
    """Every chart as PNG and SVG; what else lies in the folder is let alone."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for section in sections:
            write_pictures(folder, section.charts, f"{section.id}_")
