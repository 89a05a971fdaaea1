"""Rows of CSV and TSV files. Cells stay texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from bleuberi.data import bounds
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError


def csv_rows(path: Path, delimiter: str) -> Iterator[RawRow]:
    """The rows, by the names of the first line that is not blank. A missing cell at a row's end is None.

    A header without a comma is split at `;` (as spreadsheets write it in many countries) or at tabs. Errors:
    `UserError` for an open quote, a repeated column, a row that is too long, a bad encoding.
    """
    csv.field_size_limit(bounds.MAX_ROW_BYTES)  # answers are longer than csv's default of 128 KiB allows
    begin = 0
    with bounds.packing_errors(path), bounds.open_bounded(path) as stream:
        lines = _lines(path, bounds.bounded_lines(path, stream))
        try:
            header = next((line for line in lines if line.strip()), "")
            if header.startswith("sep=") and len(header.strip()) == len("sep=;"):  # as Excel marks its delimiter
                delimiter, header = header[4], next((line for line in lines if line.strip()), "")
            elif delimiter not in header:
                delimiter = next((other for other in ";\t" if other in header), delimiter)
            # Strict: else an unclosed quote swallows the rows after it without a word.
            reader = csv.reader(_chain(header, lines), delimiter=delimiter, strict=True)
            names = _names(path, next(reader, []))
            number = 0
            begin = reader.line_num
            for cells in reader:
                if not cells:
                    continue
                number += 1
                place = f"{path.name}, row {number}"
                if len(cells) > len(names):
                    raise UserError(
                        f"{place} has more cells than the file has columns.",
                        "Put quotes around cells that contain commas.",
                    )
                values = dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=True))
                bounds.check_row_size(place, values)
                yield RawRow(place, values)
                begin = reader.line_num
        except csv.Error as error:
            raise UserError(
                f"{path} is not a readable CSV file: {error}, in the row that begins in line {begin + 1}.",
                "Check that row: close every quoted cell, and double every quote inside a cell.",
            ) from error
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not a readable CSV file: {error}", "Write it again, in UTF-8.") from error


def _names(path: Path, names: list[str]) -> list[str]:
    twice = next((name for place, name in enumerate(names) if name and name in names[:place]), None)
    if twice is not None:
        raise UserError(f"{path.name} has two columns {twice}.", "Rename one of them.")
    blank = [place for place, name in enumerate(names) if not name]
    # A single column may lack a name (pandas writes its index so); several would overwrite each other.
    return names if len(blank) < 2 else [name or f"column {place + 1}" for place, name in enumerate(names)]


def _lines(path: Path, lines: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.decode("utf-8" if number else "utf-8-sig")


def _chain(header: str, lines: Iterator[str]) -> Iterator[str]:
    yield header
    yield from lines
