"""Write a pool with its manifest, or find an equal one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bleuberi import made
from bleuberi.artifacts import file_hash, make_manifest, readable_json, sidecar, write_json
from bleuberi.atomic_files import fresh_file
from bleuberi.errors import UserError

log = logging.getLogger(__name__)


def check_pool_path(path: Path) -> None:
    """Errors: `UserError` if the path does not end in .jsonl."""
    if path.suffix != ".jsonl":
        raise UserError(f"--output {path} is not a .jsonl file.", "The new pool is written as JSON lines.")


def made_before(path: Path, request: Mapping[str, Any], *, overwrite: bool) -> dict[str, Any] | None:
    """The manifest of the pool if an equal request made it; None if the pool has to be made. Errors: `UserError` if
    another request made the file, or if it was changed since."""
    if overwrite:
        return None
    manifest = made.find_file(path, request, "Choose another --output, or replace it with --overwrite.")
    if manifest is not None:
        log.info("%s was made by an equal request and is reused", path)
    return manifest


def write_pool(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    kind: str,
    request: Mapping[str, Any],
    facts: Callable[[], Mapping[str, Any]],
) -> None:
    """Write the rows as JSON lines atomically. `facts` is called after the last row.

    Errors: `UserError` if the disk refuses.
    """
    with fresh_file(path) as partial:
        with partial.open("w", encoding="utf-8", newline="\n") as stream:
            for row in rows:
                stream.write(readable_json(row) + "\n")
        # Before the file takes its place: a kill between the two leaves a manifest that vouches for nothing.
        write_json(sidecar(path), make_manifest(kind, request, **facts(), sha256=file_hash(partial)))
