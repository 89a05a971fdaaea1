"""Logs of a run: one JSON object with its `step` per line.

Lines are appended immediately, so they survive a crash. A kill can leave half a line, which readers skip.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bleuberi.artifacts import write_text
from bleuberi.strict_json import strict_json

Entry = dict[str, Any]


def append_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Append entries to the file; numbers that are not finite become null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("".join(strict_json(entry) + "\n" for entry in entries))


def read_entries(path: Path) -> list[Entry]:
    """The entries logged so far; an empty list if the file does not exist."""
    return [json.loads(line) for line in _whole_lines(path)]


def cut_entries(path: Path, keep: Callable[[Entry], bool]) -> None:
    """Delete the entries for which `keep` is false, and half a line at the end; other lines keep their exact bytes."""
    if path.is_file():
        write_text(path, "".join(line for line in _whole_lines(path) if keep(json.loads(line))))


def _whole_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    # Split by newlines alone: texts may hold characters that other functions take for line ends.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line + "\n" for line in lines[:-1]]
