"""Replace the content of folders that cannot be renamed: mount points, the current folder, other users' folders.

A room inside the folder receives the new entries in `new`. The old entries are moved to `old`, which is renamed to
`emptied` when complete; then the new entries are moved out, and `emptied` is renamed to `replaced`. After a kill,
`undo` restores the old entries.
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

PARTIAL: Final = ".partial"  # suffix of room names
_LAST: Final = "manifest.json"  # marks a complete folder
_OF_THE_SYSTEM: Final = "lost+found"  # at the root of some file systems
_MOUNTS: Final = Path("/proc/self/mountinfo")


def followed(path: Path) -> Path:
    """Follow a link and log its target; other paths are unchanged. Errors: `UserError` for a circular link."""
    if not path.is_symlink():
        return path if path.name and path.name != ".." else path.resolve()  # `.` has an empty name
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise UserError(f"{path} is a circular link.", "Remove the link, or give another path.")
    log.info("%s is a link; writing to its target %s", path, target)
    return target


def stays(folder: Path) -> bool:
    """Whether a folder exists and cannot, or should not, be renamed. Its content is then replaced in place."""
    if not folder.is_dir():
        return False
    with contextlib.suppress(FileNotFoundError):  # the current folder may have been removed
        if folder.samefile(Path.cwd()):
            return True
    return _is_mount(folder) or not os.access(folder.resolve().parent, os.W_OK)


def is_empty(folder: Path) -> bool:
    """Whether a folder contains only partial files of running or killed runs."""
    return not _entries(folder)


def fill(folder: Path, room: Path) -> None:
    """Replace a folder's entries with the entries of `room/new`, `manifest.json` last."""
    (room / "old").mkdir()
    # Move the manifest first: without it the folder counts as unfinished.
    for entry in sorted(_entries(folder), key=lambda entry: entry.name != _LAST):
        entry.replace(room / "old" / entry.name)
    (room / "old").rename(room / "emptied")
    for entry in sorted((room / "new").iterdir(), key=lambda entry: entry.name == _LAST):
        entry.replace(folder / entry.name)
    (room / "emptied").rename(room / "replaced")


def undo(room: Path) -> None:
    """Restore entries that a killed run moved out. Safe to repeat after another kill."""
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
    """Whether a folder is a mount point, including bind mounts, which have the same device as their parent."""
    if folder.is_mount():
        return True
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return False
    places = {re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split(" ")[4]) for line in lines}
    return str(folder.resolve()) in places
