"""From folders to the sections of a page. Knows which builder shows what; what cannot be read is said, not hidden."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bleuberi.report.page.agreement import agreement_section
from bleuberi.report.page.evaluation import evaluation_section
from bleuberi.report.page.evaluations_compared import evaluations_section
from bleuberi.report.page.find import find, short_names
from bleuberi.report.page.parts import Browser, Notice, Section
from bleuberi.report.page.pool_check import pool_check_section
from bleuberi.report.page.runs_compared import runs_section
from bleuberi.report.page.selection import selection_section
from bleuberi.report.page.training_run import read_run, run_section

Builder = Callable[[Path, str, str], Section]
_BUILDERS: Final[dict[str, Builder]] = {
    "pool check": pool_check_section,
    "selection": selection_section,
    "training run": run_section,
    "agreement": agreement_section,
    "evaluation": evaluation_section,
}
# Files of a half-written or foreign folder are damaged in these ways.
_DAMAGE: Final = (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError)
MOST_EXAMPLE_BYTES: Final = 2_800_000  # of a page that stays below 5 MB with its charts and their library


def build(paths: Sequence[Path]) -> list[Section]:
    """The sections in the order of the work: data, training, agreement, evaluation. Errors: `UserError`."""
    found = find(paths)
    names = short_names(found)
    sections: list[Section] = []
    read: dict[str, list[tuple[Path, str]]] = {}
    for place, one in enumerate(found, start=1):
        id_ = f"{one.kind.replace(' ', '-')}-{place}"
        name = names[one.folder.resolve()]
        try:
            sections.append(_BUILDERS[one.kind](one.folder, id_, name))
            read.setdefault(one.kind, []).append((one.folder, name))
        except _DAMAGE as error:
            sections.append(_unreadable(one.kind, id_, name, error))
    runs = read.get("training run", [])
    if len(runs) > 1:
        last = max(place for place, section in enumerate(sections) if section.kind == "training run")
        side = runs_section([read_run(folder, name) for folder, name in runs], "runs-side-by-side")
        sections.insert(last + 1, side)
    evaluations = read.get("evaluation", [])
    if len(evaluations) > 1:
        sections.append(evaluations_section(evaluations, "evaluations-side-by-side"))
    return _fit(sections)


def _unreadable(kind: str, id_: str, name: str, error: Exception) -> Section:
    what = f"no {error}" if isinstance(error, KeyError) else str(error)
    text = f"This folder is half-written or damaged, and could not be read: {what}."
    return Section(id_, kind, kind.capitalize(), name, "could not be read.", notices=[Notice("warning", text)])


def _fit(sections: list[Section]) -> list[Section]:
    """Every other example of the largest browser goes until all together fit."""
    sizes = {(at, place): _bytes(browser)
             for at, section in enumerate(sections) for place, browser in enumerate(section.browsers)}  # fmt: skip
    browsers = {key: sections[key[0]].browsers[key[1]] for key in sizes}
    while sum(sizes.values()) > MOST_EXAMPLE_BYTES:
        key = max(sizes, key=lambda one: sizes[one])
        rows = browsers[key].rows[::2]
        if len(rows) == len(browsers[key].rows):
            break
        browsers[key] = replace(browsers[key], rows=rows)
        sizes[key] = _bytes(browsers[key])
    fitted = []
    for at, section in enumerate(sections):
        own = [_told(browsers[at, place], before) for place, before in enumerate(section.browsers)]
        fitted.append(replace(section, browsers=own))
    return fitted


def _told(browser: Browser, before: Browser) -> Browser:
    if len(browser.rows) == len(before.rows):
        return browser
    return replace(browser, note=f"{browser.note} Only {len(browser.rows):,} of them fit on this page.")


def _bytes(browser: Browser) -> int:
    return len(json.dumps(browser.rows))
