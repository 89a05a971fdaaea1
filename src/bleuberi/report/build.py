"""Build the sections of a page from folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bleuberi.agreement.view import agreement_section
from bleuberi.check.view import pool_check_section
from bleuberi.errors import UserError
from bleuberi.evaluation.view import evaluation_section
from bleuberi.evaluation.view_compared import evaluations_section
from bleuberi.plain_text import one_line
from bleuberi.report.find import find, names_below, short_names
from bleuberi.report.headroom import headroom_section
from bleuberi.report.shape import check_shape
from bleuberi.selection.view import selection_section
from bleuberi.training.view import read_run, run_section
from bleuberi.training.view_compared import runs_section
from bleuberi.view.parts import Browser, Notice, Section
from bleuberi.view.without_texts import without_texts

Builder = Callable[[Path, str, str], Section]
_BUILDERS: Final[dict[str, Builder]] = {
    "pool check": pool_check_section,
    "headroom": headroom_section,
    "selection": selection_section,
    "training run": run_section,
    "agreement": agreement_section,
    "evaluation": evaluation_section,
}
# Files of a half-written or foreign folder are damaged in these ways, numbers too large and lists too deep included.
_DAMAGE: Final = (
    UserError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OSError,
    ArithmeticError,
    RecursionError,
)
MOST_EXAMPLE_BYTES: Final = 2_800_000  # of a page that stays below 5 MB with its charts and their library


def build(paths: Sequence[Path], *, texts: bool = True) -> list[Section]:
    """The sections in the order of the work: data, training, agreement, evaluation. Errors: `UserError`.

    Without `texts`, the sections can be shown to anybody (see `without_texts`).
    """
    found = find(paths)
    names = short_names(found) if texts else names_below(found)
    sections: list[Section] = []
    read: dict[str, list[tuple[Path, str]]] = {}
    for place, one in enumerate(found, start=1):
        id_ = f"{one.kind.replace(' ', '-')}-{place}"
        name = names[one.folder.resolve()]
        section, whole = _made(one.kind, id_, name, partial(_BUILDERS[one.kind], one.folder, id_, name))
        sections.append(section)
        if whole:
            read.setdefault(one.kind, []).append((one.folder, name))
    runs = read.get("training run", [])
    if len(runs) > 1:
        last = max(place for place, section in enumerate(sections) if section.kind == "training run")
        side, _ = _made("side by side", "runs-side-by-side", "", partial(_runs, runs))
        sections.insert(last + 1, side)
    evaluations = read.get("evaluation", [])
    if len(evaluations) > 1:
        id_ = "evaluations-side-by-side"
        sections.append(_made("side by side", id_, "", partial(evaluations_section, evaluations, id_))[0])
    if not texts:
        return without_texts(sections, [*paths, *(one.folder for one in found)])
    return _fit(sections)


def _runs(folders: Sequence[tuple[Path, str]]) -> Section:
    return runs_section([read_run(folder, name) for folder, name in folders], "runs-side-by-side")


def _made(kind: str, id_: str, name: str, make: Callable[[], Section]) -> tuple[Section, bool]:
    """Build a section. Returns it and True; if its files are damaged, a section that reports this, and False."""
    try:
        section = make()
        check_shape(section)
    except _DAMAGE as error:
        return _unreadable(kind, id_, name, error), False
    return section, True


def _unreadable(kind: str, id_: str, name: str, error: Exception) -> Section:
    text = error.what if isinstance(error, UserError) else f"no {error}" if isinstance(error, KeyError) else str(error)
    what = one_line(text, 200).removesuffix(".")
    said = [f"This folder is half-written or damaged, and could not be read: {why}."
            for why in (what, type(error).__name__)]  # fmt: skip
    notice = Notice("warning", said[0], shared=said[1])
    return Section(id_, kind, kind.capitalize(), name, "could not be read.", notices=[notice])


def _fit(sections: list[Section]) -> list[Section]:
    """Remove every other example of the largest browser until all browsers together fit."""
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
    return len(json.dumps(browser.rows))  # noqa: TID251 - measured, not written
