"""Sources of an experiment's prompts: a generated pool, a file, or parts of one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bleuberi.comparison.fields import Fields

PARTS: Final = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class GeneratedPool:
    """`bleuberi data generate` with these flags."""

    flags: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PoolFile:
    """A pool file; `sha256` is of its bytes, `get` explains to others how to obtain it."""

    path: Path
    sha256: str
    get: str


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One part of a file that `bleuberi data check --held_out` splits: near-duplicates stay in one part."""

    file: PoolFile
    part: str
    rows: Mapping[str, int]  # numbers held out for `test` and, from the rest, `dev`; `train` gets the remainder
    seed: int


PoolPart = GeneratedPool | PoolFile | HeldOut


def read_pool_parts(fields: Fields, folder: Path) -> dict[str, PoolPart]:
    """The parts by name; paths of files are relative to `folder`, the protocol's. Errors: `UserError`."""
    if "split" in fields:
        fields.only(("split",), "allowed together with pool.split")
        return _read_split(fields.child("split"), folder)
    fields.only((*PARTS, "split"))
    parts = {name: _read_part(fields.child(name), folder) for name in fields.names()}
    for name, part in parts.items():  # `get: as train`
        if isinstance(part, PoolFile) and part.get.startswith("as "):
            same = parts.get(part.get.removeprefix("as "))
            parts[name] = replace(part, get=same.get) if isinstance(same, PoolFile) else part
    return parts


def _read_part(fields: Fields, folder: Path) -> PoolPart:
    if "generate" in fields:
        fields.only(("generate",), "allowed together with generate")
        flags = fields.settings("generate")
        if {"output", "overwrite", "json"} & flags.keys():
            fields.refuse("generate", "sets an output path, which bleuberi compare sets itself")
        return GeneratedPool(flags)
    return _read_file(fields, folder, ("file", "sha256", "get"))


def _read_file(fields: Fields, folder: Path, allowed: tuple[str, ...]) -> PoolFile:
    fields.only((*allowed, "generate") if allowed[-1] == "get" else allowed)
    sha256 = fields.text("sha256")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        fields.refuse("sha256", "must be a SHA-256 in hex, 64 letters", "sha256sum FILE prints it.")
    return PoolFile(folder / Path(fields.text("file")).expanduser(), sha256, fields.text("get", ""))


def _read_split(fields: Fields, folder: Path) -> dict[str, PoolPart]:
    file = _read_file(fields, folder, ("file", "sha256", "get", "test", "dev", "seed"))
    rows = {name: fields.whole(name, 1) for name in ("test", "dev") if name in fields}
    if "test" not in rows:
        fields.refuse("", "has no test, the number of held-out rows")
    seed = fields.whole("seed", 0, 1)
    return {part: HeldOut(file, part, rows, seed) for part in PARTS if part == "train" or part in rows}
