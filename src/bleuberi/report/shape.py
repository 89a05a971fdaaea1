"""Check that a section's fields have their declared types.

Sections come from files of unknown origin: a list in place of a name would reach the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bleuberi.view.parts import Browser, Section


def check_shape(section: Section) -> None:
    """Errors: `TypeError` for a field that must be text and is not; `ValueError` for a row that does not fit its
    columns."""
    for text in _texts(section):
        if not isinstance(text, str):
            raise TypeError(f"{text!r:.60} is not a text")
    for table in section.tables:
        if any(len(row) != len(table.columns) for row in table.rows):
            raise ValueError(f"the table {table.title} has rows of other lengths than its columns")
    for browser in section.browsers:
        if any(len(row.numbers) != len(browser.columns) for row in browser.rows):
            raise ValueError(f"{browser.title}: duplicate name")


def _texts(section: Section) -> Iterator[Any]:
    yield from (section.title, section.folder, section.lead)
    for fact in section.facts:
        yield from fact
    for notice in section.notices:
        yield notice.text
    for chart in section.charts:
        yield from (chart.title, chart.note, chart.signature)
    for table in section.tables:
        yield from (table.title, table.note, table.signature, *table.columns)
        yield from (cell.text for row in table.rows for cell in row)
    for name, signature in section.signatures.items():
        yield from (name, signature)
    for browser in section.browsers:
        yield from _browser_texts(browser)


def _browser_texts(browser: Browser) -> Iterator[Any]:
    yield from (browser.title, browser.note, browser.signature, *browser.columns)
    for row in browser.rows:
        yield from (row.id, row.title, row.tag)
        for block in row.blocks:
            yield from (block.label, block.note)
