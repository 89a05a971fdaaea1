"""Find folders with results."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Final, NamedTuple

from bleuberi.errors import UserError
from bleuberi.view.without_texts import own_name

MARKS: Final = {  # file -> kind, in the order of the page
    "check.json": "pool check",
    "headroom.json": "headroom",
    "selection.json": "selection",
    "metrics.jsonl": "training run",
    "agreement.json": "agreement",
    "evaluation.json": "evaluation",
}
_STARTED: Final = "started.json"  # of a run that was killed before its first log entry
_PASSED_OVER: Final = ("inference_outputs", "scored_outputs", "report", "report_without_texts")
_DEEPEST: Final = 6


class Found(NamedTuple):
    """A folder and the kind of result in it."""

    kind: str
    folder: Path
    root: Path  # the path that was given


def find(paths: Sequence[Path]) -> list[Found]:
    """Every result below the paths, ordered by kind, each once. Errors: `UserError` if there are none."""
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist.", "Give folders that bleuberi commands wrote.")
    found: dict[tuple[str, Path], Found] = {}
    for path in paths:
        for one in _below(path if path.is_dir() else path.parent):
            found.setdefault((one.kind, one.folder.resolve()), one)
    if not found:
        raise UserError(
            f"Nothing to report in {', '.join(map(str, paths))}: none of {', '.join(MARKS)} is there.",
            "Give the --output_dir of bleuberi data check, data grpo, train, agreement or evaluate.",
        )
    order = list(dict.fromkeys(MARKS.values()))
    return sorted(found.values(), key=lambda one: order.index(one.kind))


def _below(root: Path) -> Iterator[Found]:
    for place, folders, files in os.walk(root):
        folder = Path(place)
        depth = len(folder.relative_to(root).parts)
        folders[:] = sorted(
            name for name in folders
            if depth < _DEEPEST and not name.startswith((".", "checkpoint-")) and name not in _PASSED_OVER
        )  # fmt: skip
        for mark, kind in MARKS.items():
            if mark in files:
                yield Found(kind, folder, root)
        if _STARTED in files and "metrics.jsonl" not in files:
            yield Found("training run", folder, root)


def short_names(found: Sequence[Found]) -> dict[Path, str]:
    """A short name for each folder: the end of its path, at least two components, that no other folder shares, e.g.
    `steps-6/grpo`."""
    folders = list(dict.fromkeys(one.folder.resolve() for one in found))
    names: dict[Path, str] = {}
    for folder in folders:
        parts = folder.parts
        for length in range(min(2, len(parts)), len(parts) + 1):
            name = "/".join(parts[-length:])
            if sum("/".join(other.parts[-length:]) == name for other in folders) == 1:
                break
        names[folder] = name
    return names


def names_below(found: Sequence[Found]) -> dict[Path, str]:
    """A name for each folder: its path below the given folder, or its own name. Folders above are never part of a
    name."""
    names: dict[Path, str] = {}
    for one in found:
        folder = one.folder.resolve()
        if folder in names:
            continue
        inner = one.folder.relative_to(one.root).as_posix()
        name = own_name(folder) if inner == "." else inner
        numbered = (f"{name} ({number})" for number in count(2))
        names[folder] = next(each for each in (name, *islice(numbered, len(names))) if each not in names.values())
    return names
