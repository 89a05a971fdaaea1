"""Print a section on the terminal: tables that keep names and numbers unbroken, then sentences, the verdict last."""

from __future__ import annotations

import os
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from bleuberi.plain_text import plain, say
from bleuberi.view.parts import LABELS, Section, Table

LOG_WIDTH: Final = 160  # columns of output that is not a terminal
_WIDEST: Final = 10_000  # characters of a table
_MOST_ROWS: Final = 60


def print_section(section: Section) -> None:
    """Print the tables without the columns for the page only, then notes and warnings, and the verdicts last."""
    for table in section.tables:
        if not table.only_page:
            print_table(table)
            say()
    for notice in sorted(section.notices, key=lambda one: one.level == "verdict"):
        say(notice.text if notice.level == "verdict" else f"{LABELS[notice.level]}: {notice.text}")


def print_table(table: Table) -> None:
    """Print the table as wide as it needs; on a console that is too narrow, without its `wide` columns."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=LOG_WIDTH)
    table = table.without(table.details)
    drawn, width = _drawn(table, console)
    if width > console.width and table.wide:
        drawn, width = _drawn(table.without(table.wide), console)
    console.width = max(console.width, width)  # a narrow terminal wraps lines by itself
    if table.title:
        console.print(Text(plain(table.title), style="bold"))
    console.print(drawn)
    if len(table.rows) > _MOST_ROWS:
        console.print(Text(f"The first {_MOST_ROWS} of {len(table.rows):,} rows; the page and the files have all."))
    if table.note:
        console.print(Text(plain(table.note), style="dim"))


def _drawn(table: Table, console: Console) -> tuple[RichTable, int]:
    """The table for the console, and the smallest width that it needs."""
    drawn = RichTable(header_style="bold", box=None, pad_edge=False)
    for place, (name, right) in enumerate(zip(table.columns, table.numeric, strict=True)):
        whole = right or not place  # names and numbers are of no use in pieces
        texts = [name, *(row[place].text for row in table.rows)]
        drawn.add_column(
            Text(plain(name)),
            justify="right" if right else "left",
            no_wrap=whole,
            min_width=max(cell_len(plain(text)) for text in texts) if whole else None,
        )
    for row in table.rows[:_MOST_ROWS]:
        drawn.add_row(*(Text(plain(cell.text)) for cell in row))
    # A measure is at most as wide as the console's options allow.
    unlimited = console.options.update(max_width=_WIDEST)
    return drawn, Measurement.get(console, unlimited, drawn).minimum
