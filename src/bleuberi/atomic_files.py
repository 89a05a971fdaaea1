"""Files and folders that are whole or absent, whoever else writes and whenever a run is killed. Knows no content.

What is written goes beside its place first, and is renamed into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from bleuberi.errors import UserError

_RANDOM: Final = 8  # letters in the names of temporary files and folders
_TEMPORARY: Final[set[Path]] = set()  # what this process has half-written


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and goes when it does not.

    It ends as `path` does, for writers that go by the ending. Files that killed runs left are cleared away.
    """
    with disk_errors(path), contextlib.ExitStack() as held:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix, suffix = f".{path.name[:80]}.", f".partial{path.suffix}"
        for orphan in _abandoned(path.parent, prefix, suffix):
            orphan.unlink(missing_ok=True)
        partial = _held_temporary(held, path.parent, prefix, suffix, folder=False)
        yield partial
        _sync(partial)
        partial.chmod(0o666 & ~_umask())  # private until now; results are as open as others
        partial.replace(path)


@contextlib.contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well, and goes when it does not.

    An older folder at `path` stays until the new one is whole. Folders that killed runs left are cleared away; one
    that a living process still writes is not.
    """
    with disk_errors(path), contextlib.ExitStack() as held:
        path.parent.mkdir(parents=True, exist_ok=True)
        for orphan in _abandoned(path.parent, prefix := f".{path.name}.", ".partial"):
            if (orphan / "old").is_dir() and not path.exists():  # killed between the two renames below
                (orphan / "old").replace(path)
            shutil.rmtree(orphan)
        partial = _held_temporary(held, path.parent, prefix, ".partial", folder=True)
        yield partial
        partial.chmod(0o777 & ~_umask())
        for file in partial.rglob("*"):
            if file.is_file():
                file.chmod(0o666 & ~_umask())  # some writers make private files
                _sync(file)
        if path.exists():
            # Not cleared where this is interrupted: the next run brings the old folder back from it.
            retired = _held_temporary(held, path.parent, prefix, ".partial", folder=True, cleared=False)
            path.replace(retired / "old")
            partial.replace(path)
            shutil.rmtree(retired)
        else:
            partial.replace(path)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process. Errors: `UserError` where another process holds it."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"Another run is writing to {folder} right now.", "Wait until it has finished, then run again."
            ) from error
        yield


def _abandoned(parent: Path, prefix: str, suffix: str) -> Iterator[Path]:
    """Temporary files or folders of that name which no process holds; each is held while the caller clears it."""
    for orphan in parent.glob(f"{glob.escape(prefix)}{'?' * _RANDOM}{glob.escape(suffix)}"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _flock(orphan):
            if orphan.exists():  # what was just finished has its own name by now
                yield orphan


def _held_temporary(
    held: contextlib.ExitStack, parent: Path, prefix: str, suffix: str, *, folder: bool, cleared: bool = True
) -> Path:
    """A new temporary file or folder, which `held` clears away. Another process may take it for abandoned until it is
    held: then the next."""
    while True:
        made = parent / f"{prefix}{token_hex(_RANDOM // 2)}{suffix}"
        if cleared:  # asked for before it is made: a Ctrl-C may come between
            _TEMPORARY.add(made)
            held.callback(_clear, made)
        if folder:
            made.mkdir(0o700)
        else:
            made.touch(0o600, exist_ok=False)
        with contextlib.suppress(BlockingIOError, FileNotFoundError), contextlib.ExitStack() as own:
            own.enter_context(_flock(made))
            if made.exists():
                held.push(own.pop_all())
                return made


def clear_temporaries() -> None:
    """Clear what a stopped command has half-written: a Ctrl-C may also come while that is being done, or before."""
    for path in list(_TEMPORARY):
        _clear(path)


def _clear(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    _TEMPORARY.discard(path)


@contextlib.contextmanager
def _flock(path: Path) -> Iterator[None]:
    """Hold a file or folder until the block, or the process, ends. Errors: `BlockingIOError`: another one holds it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say trouble with the disk in two lines; errors about other places, or the network, are somebody else's."""
    try:
        yield
    except OSError as error:
        place = os.path.abspath(path.parent)
        named = os.path.abspath(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else place
        shared = os.path.commonpath([named, place])
        if shared not in (named, place) or isinstance(error, ConnectionError | TimeoutError):
            raise
        raise UserError(
            f"{path} could not be written: {error.strerror or error}",
            "Check free space and permissions; what was finished before is kept, so the same command goes on.",
        ) from error


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
