"""Folders that are filled where they are: mount points, the current folder, folders in a folder that is not ours.

A room in the folder has the new entries in `new`. The old ones go to `old`, which is renamed to `emptied` when all of
them are there; then the new ones come out, and `emptied` is renamed to `replaced`. A kill in between is undone.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from pathlib import Path
from typing import Final

from bleuberi.errors import UserError

log = logging.getLogger(__name__)

PARTIAL: Final = ".partial"  # ending of the names of rooms
_LAST: Final = "manifest.json"  # its presence says that a folder is complete
_OF_THE_SYSTEM: Final = "lost+found"  # at the root of some file systems
_MOUNTS: Final = Path("/proc/self/mountinfo")


def followed(path: Path) -> Path:
    """The path, or what it names if it is a link, which is said. Errors: `UserError` for a link that names itself."""
    if not path.is_symlink():
        return path if path.name and path.name != ".." else path.resolve()  # `.` has no name
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise UserError(f"{path} is a link that leads back to itself.", "Remove the link, or give another path.")
    log.info("%s is a link: %s is written", path, target)
    return target


def stays(folder: Path) -> bool:
    """Whether a folder exists and cannot, or should not, be renamed."""
    if not folder.is_dir():
        return False
    with contextlib.suppress(FileNotFoundError):  # the current folder may have been removed
        if folder.samefile(Path.cwd()):
            return True
    return _is_mount(folder) or not os.access(folder.resolve().parent, os.W_OK)


def is_empty(folder: Path) -> bool:
    """Whether a folder has nothing but what runs are writing, or left half-written."""
    return not _entries(folder)


def fill(folder: Path, room: Path) -> None:
    """Replace the entries of a folder by those of `room/new`, `manifest.json` last."""
    (room / "old").mkdir()
    # The manifest first: without it the folder counts as unfinished.
    for entry in sorted(_entries(folder), key=lambda entry: entry.name != _LAST):
        entry.replace(room / "old" / entry.name)
    (room / "old").rename(room / "emptied")
    for entry in sorted((room / "new").iterdir(), key=lambda entry: entry.name == _LAST):
        entry.replace(folder / entry.name)
    (room / "emptied").rename(room / "replaced")


def undo(room: Path) -> None:
    """Put back what a killed run moved out of the folder. May be killed and called again."""
    folder = room.parent
    if (room / "emptied").exists():
        for entry in _entries(folder):
            entry.replace(room / "new" / entry.name)
        (room / "emptied").rename(room / "old")
    if (room / "old").exists():
        for entry in (room / "old").iterdir():
            entry.replace(folder / entry.name)


def _entries(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if not entry.name.endswith(PARTIAL) and entry.name != _OF_THE_SYSTEM]


def _is_mount(folder: Path) -> bool:
    """Also for a folder that is mounted a second time, which has the device of its parent."""
    if folder.is_mount():
        return True
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # no Linux
        return False
    places = {re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split(" ")[4]) for line in lines}
    return str(folder.resolve()) in places
