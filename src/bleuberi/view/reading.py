"""Read what runs left, also half-written."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def read_object(path: Path) -> Json:
    """A JSON object; empty where there is no such file. Errors: `ValueError` or `TypeError` where it is damaged."""
    if not path.is_file():
        return {}
    content = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    if not isinstance(content, dict):
        raise TypeError(f"{path.name} is not a JSON object")
    return content


def read_lines(path: Path) -> tuple[list[Json], int]:
    """The objects of a JSON-lines file, and how many lines were damaged (a killed run leaves half a line)."""
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


def finite(value: object) -> float | None:
    """The number that it is, or None: for missing values, NaN and bounds that nothing is known of."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def estimate(value: object) -> tuple[float | None, float | None, float | None]:
    """Value and bounds of an estimate as the other commands write it."""
    if not isinstance(value, dict):
        return None, None, None
    return finite(value.get("value")), finite(value.get("low")), finite(value.get("high"))
