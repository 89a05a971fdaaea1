"""What an agreement leaves: `agreement.json`, and a manifest with the request that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, Protocol

from bleuberi import made
from bleuberi.artifacts import MANIFEST, file_hash, make_manifest, read_json, source_hash, write_json
from bleuberi.rewards import Reward

SCHEMA: Final = "bleuberi.agreement/1"
RESULT_FILE: Final = "agreement.json"
KIND: Final = "agreement"
SOURCES: Final = ("preferences", "pool", "outputs", "labels")
"""Fields of the configs that name a file, a folder or a hub id."""
NOT_DECIDING: Final = ("output_dir", "overwrite")


class Config(Protocol):
    """What the configs of the three kinds of agreement share."""

    @property
    def output_dir(self) -> Path: ...
    @property
    def overwrite(self) -> bool: ...


def request_of(config: Any, kind: str, rewards: Mapping[str, Reward]) -> dict[str, Any]:  # noqa: ANN401 - a Config
    """Everything that decides a result: every field of the config, with signatures for names of rewards and hashes for
    paths; a file may be elsewhere. A data set of the hub counts by its name."""
    request: dict[str, Any] = {"kind": kind}
    for name in (field.name for field in fields(config) if field.name not in NOT_DECIDING):
        value = getattr(config, name)
        request[name] = (source_hash(value) or value) if name in SOURCES and value is not None else value
    request["sureness"] = {field.name: getattr(config.sureness, field.name) for field in fields(config.sureness)}
    return {**request, "rewards": [f"{name}: {reward.signature()}" for name, reward in rewards.items()]}


def find_agreement(config: Config, request: Mapping[str, Any], log: Callable[[str], None]) -> dict[str, Any] | None:
    """The result of an equal request; None if there is none. Errors: as `made.find`."""
    folder = config.output_dir
    if not (folder / MANIFEST).exists():  # the folder may have other things in it
        return None
    cure = "Choose another --output_dir, or replace the result with --overwrite."
    if made.find(folder, KIND, request, cure, overwrite=config.overwrite) is None:
        return None
    log(f"{folder} was made by an equal request and is reused")
    document: dict[str, Any] = read_json(folder / RESULT_FILE)
    return document


def write_result(document: Mapping[str, object], folder: Path, request: Mapping[str, Any]) -> None:
    """Write the result, and last the manifest."""
    (folder / MANIFEST).unlink(missing_ok=True)  # of a result that this one replaces
    write_json(folder / RESULT_FILE, document)
    files = {RESULT_FILE: file_hash(folder / RESULT_FILE)}
    write_json(folder / MANIFEST, make_manifest(KIND, made.as_stored(request), files_sha256=files))
