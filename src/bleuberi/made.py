"""One rule for results that already exist: an equal request reuses them, any other request is an error.

A request is a JSON object with everything that decides a result: settings, and hashes of the content behind paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.artifacts import file_hash, local_path, read_manifest, read_state, sidecar
from bleuberi.errors import UserError
from bleuberi.in_place import is_empty
from bleuberi.redaction import redact_value
from bleuberi.strict_json import strict_json

Request = Mapping[str, Any]
_MOST_NAMED: Final = 4
_LETTERS: Final = 40  # of a value in an error
_MOVE: Final = "Move it away, or choose another folder."  # never to overwrite what no command made


class Difference(NamedTuple):
    """A setting that differs between two requests; nested settings have dotted names."""

    name: str
    existing: object
    requested: object


def differences(existing: Request, requested: Request, place: str = "") -> list[Difference]:
    """The settings that differ, in the order of `existing`. A setting that one side lacks counts as an empty one."""
    found: list[Difference] = []
    for name in dict.fromkeys((*existing, *requested)):
        old, new = existing.get(name), requested.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, f"{place}{name}.")
        elif _none_if_empty(old) != _none_if_empty(new):
            found.append(Difference(f"{place}{name}", old, new))
    return found


def refuse_other(what: object, existing: Request, requested: Request, cure: str) -> None:
    """Errors: `UserError` that names the settings in which the two requests differ."""
    if found := named_differences(existing, requested):
        raise UserError(f"{what} already exists with different settings ({found}).", cure)


def named_differences(existing: Request, requested: Request) -> str:
    """The first four differing settings, e.g. `seed: existing 1, requested 2; ...`; empty if the two requests are
    equal."""
    found = differences(existing, as_stored(requested))
    named = [f"{name}: existing {_short(old)}, requested {_short(new)}" for name, old, new in found[:_MOST_NAMED]]
    return "; ".join([*named, *([f"and {len(found) - _MOST_NAMED} more"] if len(found) > _MOST_NAMED else [])])


def find(folder: Path, kind: str, requested: Request, cure: str, *, overwrite: bool = False) -> dict[str, Any] | None:
    """The manifest of a folder that an equal request made; None if the folder is missing, empty, or may be replaced.

    With `overwrite`, a folder of the same kind may be replaced, but no other folder. Errors: `UserError` if another
    request or program made it, or if its files were changed since.
    """
    if not folder.exists() or (folder.is_dir() and is_empty(folder)):
        return None
    manifest = read_manifest(folder) if folder.is_dir() else None
    if manifest is None or manifest.get("kind") != kind:
        has = f"its manifest is of another kind ({manifest.get('kind')})" if manifest else "it has no manifest"
        raise UserError(f"{folder} already exists; {has}, so this command did not make it.", _MOVE)
    if overwrite:
        return None
    refuse_other(folder, manifest.get("config", {}), requested, cure)
    refuse_changed(folder, manifest, cure)
    return manifest


def find_file(path: Path, requested: Request, cure: str) -> dict[str, Any] | None:
    """The manifest of a file that an equal request made; None if the file does not exist. Errors: as `find`."""
    if not path.exists():
        return None
    manifest = read_state(sidecar(path))
    if not manifest:
        raise UserError(f"{path} already exists; it has no manifest, so this command did not make it.", cure)
    refuse_other(path, manifest.get("config", {}), requested, cure)
    if manifest.get("sha256") != file_hash(path):
        raise _changed(path, cure)
    return manifest


def refuse_input(output: Path, inputs: Iterable[str | Path | None], cure: str = "Choose another --output.") -> None:
    """Errors: `UserError` if the output would replace one of its inputs, or a folder around one, even with --overwrite:
    that may be the only copy of what the output lacks."""
    for path in (local_path(str(given)) for given in inputs if given is not None):
        if output.exists() and path.exists() and (output.samefile(path) or output.resolve() in path.resolve().parents):
            raise UserError(f"{path} is an input, and the output {output} would replace it.", cure)


def is_equal(existing: Request, requested: Request) -> bool:
    """Whether two requests would give the same result."""
    return not differences(existing, as_stored(requested))


def refuse_changed(folder: Path, manifest: Request, cure: str) -> None:
    """Errors: `UserError` for the first file that differs from its hash in `files_sha256`, or is missing."""
    for name, sha256 in manifest.get("files_sha256", {}).items():
        if not (folder / name).is_file() or file_hash(folder / name) != sha256:
            raise _changed(folder / name, cure)


def is_complete(folder: Path, requested: Request) -> bool:
    """Whether the folder has a manifest of an equal request, and every file as it was written."""
    manifest = read_manifest(folder)
    if manifest is None or not is_equal(manifest["config"], requested):
        return False
    try:
        refuse_changed(folder, manifest, "")
    except UserError:
        return False
    return True


def as_stored(request: Request) -> dict[str, Any]:
    """The request as it reads back from a manifest: without secrets, lists for tuples, texts for paths."""
    stored: dict[str, Any] = json.loads(strict_json(redact_value(dict(request)), default=str))
    return stored


def _changed(path: Path, cure: str) -> UserError:
    return UserError(f"{path} was changed after it was written, or is missing.", f"Restore it. Otherwise: {cure}")


def _none_if_empty(value: object) -> object:
    return None if value in ([], {}) else value


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"
