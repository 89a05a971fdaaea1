"""Atomic writes: a file or folder is either complete or missing, even after a crash. Locks keep runs apart.

Everything is first written to a hidden folder next to its destination, called a room, and then renamed. Each room has a
lock file, because NFSv4 cannot lock folders, and SMB blocks all writes to a locked file, even by its owner.
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
_RANDOM: Final = 8  # random letters in room names
_NAME_BYTES: Final = 200  # maximum length of the target's name within a room name; file systems allow 255
_IN_PLACE: Final = "@in-place"  # marks a room inside the folder it is for
_NAMED: Final = "name"  # name of a file in a room, if its own name was shortened
_LONGEST_SUFFIX: Final = 50
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
_ROOMS: Final[set[Path]] = set()  # rooms in use by this process
_WARNED: Final[list[Path]] = []  # the first lock file that could not be locked


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `path` if the block succeeds, and is removed if it fails.

    It has the suffix of `path`, because some writers choose the format by suffix. Killed runs' temporary files are
    removed. If `path` is a link, its target is replaced.
    """
    path = followed(path)
    with disk_errors(path), contextlib.ExitStack() as held:
        suffix = path.suffix if len(path.suffix) <= _LONGEST_SUFFIX else ""
        partial = _room(held, path.parent, path.name[:50]) / f"new{suffix}"
        partial.touch(0o600)
        yield partial
        _sync(partial)
        partial.chmod(0o666 & ~_umask())  # temporary files are private; give results normal permissions
        partial.replace(path)


@contextlib.contextmanager
def fresh_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces `path` if the block succeeds, and is removed if it fails.

    An existing folder at `path` stays until the new one is complete. Temporary folders of killed runs are removed,
    those of living processes are not. If `path` is a link, its target is replaced. A folder that cannot be renamed (a
    mount point, the current folder, one in somebody else's folder) is updated file by file, `manifest.json` last.
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
                file.chmod(0o666 & ~_umask())  # some writers create private files
                _sync(file)
        if in_place:
            fill(path, room)
            return
        if path.exists():
            path.replace(room / "old")  # the next run repairs a kill right after this line (see `_clear`)
        partial.replace(path)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a folder. Errors: `UserError` if another process has locked it."""
    with contextlib.ExitStack() as held:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                held.enter_context(_lock(folder / _LOCK))
            except BlockingIOError as error:
                raise UserError(
                    f"Another run is writing to {folder} right now.", "Wait until it has finished, then rerun."
                ) from error
        yield


def clear_abandoned(folder: Path, name: str | None = None) -> None:
    """Remove killed processes' partial files in a folder (for one `name`, or all).

    Living processes' files are kept. Without file locks the two cannot be distinguished, so all are kept.
    """
    prefix = ".?*." if name is None else f".{glob.escape(_short(name))}."
    for room in folder.glob(f"{prefix}{'?' * _RANDOM}{PARTIAL}"):
        # Locked by a living process, already removed, not a folder, or without permission
        with contextlib.suppress(BlockingIOError, FileNotFoundError, NotADirectoryError, PermissionError):
            with _lock(room / _LOCK) as is_ours:
                if not is_ours:
                    return
                _clear(room)
            _forget(room)


def remove_folder(folder: Path) -> None:
    """Atomically remove a folder and its files. Errors: `UserError` if another process has locked it."""
    with disk_errors(folder), contextlib.ExitStack() as held:
        room = _room(held, folder.parent, folder.name)
        # NFS cannot remove a folder with an open file such as the lock, so the room is removed after closing the lock.
        with folder_lock(folder):
            folder.replace(room / "removed")


def clear_temporaries() -> None:
    """Remove a stopped command's partial files, also if Ctrl-C came before or during the usual clean-up."""
    for room in list(_ROOMS):
        _clear(room)
        _forget(room)


def _room(held: contextlib.ExitStack, parent: Path, name: str) -> Path:
    """Create a locked hidden folder for the target `name`; `held` unlocks and removes it."""
    parent.mkdir(parents=True, exist_ok=True)
    clear_abandoned(parent, name)
    while True:
        room = parent / f".{_short(name)}.{token_hex(_RANDOM // 2)}{PARTIAL}"
        _ROOMS.add(room)  # before creating it, in case of a Ctrl-C in between
        held.callback(_forget, room)
        room.mkdir(0o700)
        # Before it is locked, another process may remove it as abandoned; then try the next name.
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            held.enter_context(_lock(room / _LOCK))
            held.callback(_clear, room)
            if _short(name) != name:
                (room / _NAMED).write_text(name, encoding="utf-8")
            return room


def _short(name: str) -> str:
    """Shorten a name to fit into a room name; a hash keeps shortened names distinct."""
    whole = os.fsencode(name)
    if len(whole) <= _NAME_BYTES:
        return name
    return f"{whole[: _NAME_BYTES - 9].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"


def _clear(room: Path) -> None:
    """Empty a room, and remove it if the file system allows that while its lock file is open."""
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
    with contextlib.suppress(OSError):  # usually already removed; NFS removes a folder only after its files are closed
        room.rmdir()
    if not room.exists():  # otherwise a Ctrl-C interrupted the removal
        _ROOMS.discard(room)


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[bool]:
    """Lock a file until the block, or the process, ends; yield False if the file system has no locks.

    Errors: `BlockingIOError` if another process has locked it; `FileNotFoundError` if another process removed it.
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
    except PermissionError as error:  # how some file systems report another process's lock
        raise BlockingIOError(errno.EAGAIN, error.strerror, str(file)) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        is_locked = False
        if not _WARNED:
            _WARNED.append(file)
            log.warning(
                "The file system of %s does not support file locks (%s). Run only one command at a time there, and "
                "remove the folders .*%s of killed runs.", file.parent, error.strerror, PARTIAL,
            )  # fmt: skip
    if not os.path.samestat(os.fstat(handle), os.stat(file)):
        raise FileNotFoundError(errno.ENOENT, "removed by another process", str(file))
    return is_locked


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn disk errors about `path` into a `UserError`; other errors pass through."""
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
            "Check free space and permissions, then rerun: finished work is kept and the command resumes.",
        ) from error


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
