"""Read files of runs, including half-written ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def read_object(path: Path) -> Json:
    """Read a JSON object; empty if the file does not exist. Errors: `ValueError` or `TypeError` if it is damaged."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} is not a JSON object")
    return content


def read_lines(path: Path) -> tuple[list[Json], int]:
    """The objects of a JSON-lines file, and the number of damaged lines (a killed run leaves half a line)."""
    rows: list[Json] = []
    damaged = 0
    if not path.is_file():
        return rows, damaged
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                rows.append(row)
            else:
                damaged += 1
    return rows, damaged
