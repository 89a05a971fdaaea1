"""Write a section as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bleuberi.artifacts import write_text
from bleuberi.plain_text import one_line
from bleuberi.view.parts import LABELS, Section, Table


def write_markdown(path: Path, section: Section) -> None:
    """Write the section's Markdown. Errors: `UserError` if the disk is full or the folder cannot be written."""
    write_text(path, markdown(section))


def markdown(section: Section) -> str:
    """Verdicts, then tables without the columns for the page only, then notes and warnings, then how the numbers were
    made."""
    verdicts = [one_line(notice.text) for notice in section.notices if notice.level == "verdict"]
    others = [
        f"{LABELS[notice.level]}: {one_line(notice.text)}" for notice in section.notices if notice.level != "verdict"
    ]
    made = [f"- {one_line(name)}: `{one_line(how)}`" for name, how in section.signatures.items()]
    tables = [markdown_block(table) for table in section.tables if not table.only_page]
    return "\n\n".join(part.rstrip("\n") for part in [*verdicts, *tables, *others, "\n".join(made)]).rstrip("\n") + "\n"


def markdown_block(table: Table) -> str:
    """The table with its title and note."""
    return f"**{one_line(table.title)}**\n\n{markdown_table(table)}" + (f"\n{table.note}\n" if table.note else "")


def markdown_table(table: Table) -> str:
    """The table without its detail columns; columns of numbers are right-aligned."""
    table = table.without(table.details)
    marks = ["---:" if right else "---" for right in table.numeric]
    rows = [[cell.text for cell in row] for row in table.rows]
    return "".join([_line(map(_cell, table.columns)), _line(marks), *(_line(map(_cell, row)) for row in rows)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _cell(text: str) -> str:
    """Text from a file, made safe for a table cell."""
    return one_line(text).replace("|", "\\|").replace("<", "&lt;")
