"""Atomic writes: a file or folder is either complete or missing, even after a crash. Locks keep two runs apart.

Everything is written in a hidden folder beside its place, a room, and then renamed. Each room has a lock file: NFSv4
locks no folders, and SMB lets nobody write to a file that is locked, not even its owner through another descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from bleuberi.errors import UserError
from bleuberi.in_place import PARTIAL, fill, followed, stays, undo

log = logging.getLogger(__name__)

_LOCK: Final = ".lock"
_RANDOM: Final = 8  # letters in the names of rooms
_NAME_BYTES: Final = 200  # of a name within the name of a room; file systems take 255
_IN_PLACE: Final = "@in-place"  # as the name within a room's: the room is in the folder that it is for
_NAMED: Final = "name"  # a file in a room, if its own name is cut
_LONGEST_SUFFIX: Final = 50
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
_ROOMS: Final[set[Path]] = set()  # where this process writes
_WARNED: Final[list[Path]] = []  # the lock file that could not be locked, once one could not


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` if the block succeeds, and is removed if it fails.

    It has the suffix of `path`, for writers that choose a format by it. Temporary files of killed runs are removed. A
    link is followed: the file that it names is replaced.
    """
    path = followed(path)
    with disk_errors(path), contextlib.ExitStack() as held:
        suffix = path.suffix if len(path.suffix) <= _LONGEST_SUFFIX else ""
        partial = _room(held, path.parent, path.name[:50]) / f"new{suffix}"
        partial.touch(0o600)
        yield partial
        _sync(partial)
        partial.chmod(0o666 & ~_umask())  # private until now; results are as open as others
        partial.replace(path)


@contextlib.contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` if the block succeeds, and is removed if it fails.

    An older folder at `path` stays until the new one is complete. Temporary folders of killed runs are removed; those
    of living processes are not. A link is followed. A folder that cannot be renamed (a mount point, the current
    folder, one in a folder that is not ours) gets the new content file by file, `manifest.json` last.
    """
    path = followed(path)
    with disk_errors(path), contextlib.ExitStack() as held:
        in_place = stays(path)
        room = _room(held, path if in_place else path.parent, _IN_PLACE if in_place else path.name)
        partial = room / "new"
        partial.mkdir(0o700)
        yield partial
        partial.chmod(0o777 & ~_umask())
        for file in partial.rglob("*"):
            if file.is_file():
                file.chmod(0o666 & ~_umask())  # some writers make private files
                _sync(file)
        if in_place:
            fill(path, room)
            return
        if path.exists():
            path.replace(room / "old")  # a kill right after this is repaired by the next run (see `_clear`)
        partial.replace(path)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process. Errors: `UserError` if another process holds it."""
    with contextlib.ExitStack() as held:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(_lock(folder / _LOCK))
            except BlockingIOError as error:
                raise UserError(
                    f"Another run is writing to {folder} right now.", "Wait until it has finished, then run again."
                ) from error
        yield


def clear_abandoned(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left half-written in a folder (for one `name`, or for all).

    What a living process writes stays; without file locks nobody can tell, so everything stays.
    """
    prefix = ".?*." if name is None else f".{glob.escape(_short(name))}."
    for room in folder.glob(f"{prefix}{'?' * _RANDOM}{PARTIAL}"):
        # Held by a living process, gone by now, a file of that name, or somebody else's
        with contextlib.suppress(BlockingIOError, FileNotFoundError, NotADirectoryError, PermissionError):
            with _lock(room / _LOCK) as is_ours:
                if not is_ours:
                    return
                _clear(room)
            _forget(room)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all its files; it is gone at once. Errors: `UserError` if another process holds it."""
    with disk_errors(folder), contextlib.ExitStack() as held:
        room = _room(held, folder.parent, folder.name)
        # NFS removes no folder with an open file, such as the lock: the room goes after the lock is closed.
        with folder_lock(folder):
            folder.replace(room / "removed")


def clear_temporaries() -> None:
    """Remove what a stopped command has half-written: a Ctrl-C may also come during the usual clean-up, or before."""
    for room in list(_ROOMS):
        _clear(room)
        _forget(room)


def _room(held: contextlib.ExitStack, parent: Path, name: str) -> Path:
    """A new hidden folder for what will be called `name`; `held` keeps it locked, and removes it."""
    parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(parent, name)
    while True:
        room = parent / f".{_short(name)}.{token_hex(_RANDOM // 2)}{PARTIAL}"
        _ROOMS.add(room)  # before it is made: a Ctrl-C may come between
        held.callback(_forget, room)
        room.mkdir(0o700)
        # Until it is locked, another process may take it for abandoned: then try the next name.
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            held.enter_context(_lock(room / _LOCK))
            held.callback(_clear, room)
            if _short(name) != name:
                (room / _NAMED).write_text(name, encoding="utf-8")
            return room


def _short(name: str) -> str:
    """The name cut to what fits into that of a room; what was cut is told apart by a hash."""
    whole = os.fsencode(name)
    if len(whole) <= _NAME_BYTES:
        return name
    return f"{whole[: _NAME_BYTES - 9].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"


def _clear(room: Path) -> None:
    """Empty a room, and remove it if the file system lets a folder go while its lock is held."""
    if room.name.startswith(f".{_IN_PLACE}."):
        undo(room)
    elif (room / "old").exists():
        name = room.name[1 : -len(PARTIAL) - _RANDOM - 1]
        if (room / _NAMED).is_file():
            name = (room / _NAMED).read_text(encoding="utf-8")
        path = room.with_name(name)
        if not path.exists():  # stopped between the two renames of `fresh_folder`
            (room / "old").replace(path)
    shutil.rmtree(room, ignore_errors=True)


def _forget(room: Path) -> None:
    with contextlib.suppress(OSError):  # usually it is gone; NFS lets a folder go only when its files are closed
        room.rmdir()
    if not room.exists():  # else a Ctrl-C came while it was emptied
        _ROOMS.discard(room)


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[bool]:
    """Lock a file until the block, or the process, ends; yield False if the file system has no locks.

    Errors: `BlockingIOError` if another process holds it; `FileNotFoundError` if another process removed it.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)  # NFSv4 locks only files that are open for writing
    try:
        yield _is_locked(handle, file)
    finally:
        os.close(handle)


def _is_locked(handle: int, file: Path) -> bool:
    """Lock an open file; False if its file system has no locks. Errors: as `_lock`."""
    is_locked = True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except PermissionError as error:  # how some file systems say that another process holds it
        raise BlockingIOError(errno.EAGAIN, error.strerror, str(file)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        is_locked = False
        if not _WARNED:
            _WARNED.append(file)
            log.warning(
                "The file system of %s has no file locks (%s): run one command at a time there, and remove the "
                "folders .*%s that killed runs leave.", file.parent, error.strerror, PARTIAL,
            )  # fmt: skip
    if not os.path.samestat(os.fstat(handle), os.stat(file)):
        raise FileNotFoundError(errno.ENOENT, "removed by another process", str(file))
    return is_locked


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
