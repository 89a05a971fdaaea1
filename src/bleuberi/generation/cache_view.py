"""List output caches, explain missing rows, and remove caches."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.artifacts import read_json
from bleuberi.atomic_files import disk_errors, folder_lock, remove_folder
from bleuberi.errors import UserError
from bleuberi.generation.answer_store import JOURNAL, AnswerStore, in_batches, read_journal, shard_paths
from bleuberi.generation.base import Sampling
from bleuberi.generation.cached import prompt_key
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.made import named_differences
from bleuberi.records import Conversation

log = logging.getLogger(__name__)

SETTINGS: Final = "cache.json"
_LEFTOVERS: Final = ("*.damaged", ".*.partial*")


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """The cached outputs of one model with one sampling setting."""

    path: Path
    settings: dict[str, Any]
    rows: int
    shards: int
    bytes: int
    waiting_rows: int  # rows of an interrupted run, which the next run merges
    leftovers: tuple[Path, ...]  # damaged shards and partial files
    last_written: float  # seconds since 1970


class Finding(NamedTuple):
    """A row without a cached answer, and the reason."""

    row: str
    reason: str


def cache_root(folder: Path) -> Path:
    """The cache folder: the given one, or `inference_outputs` in it. Errors: `UserError` if neither exists."""
    for root in (folder / "inference_outputs", folder):
        if root.is_dir() and any(root.glob(f"*/{SETTINGS}")):
            return root
    raise UserError(f"{folder} has no cached responses.", "Give the --output_dir of a data command.")


def list_caches(root: Path) -> list[CacheFolder]:
    """Every cache in the folder, by name. Row counts come from the shards' last lines; checksums are not verified."""
    return [_look(path.parent) for path in sorted(root.glob(f"*/{SETTINGS}"))]


def explain(
    root: Path, folder: Path, identity: ModelIdentity, sampling: Sampling, conversations: Iterable[Conversation]
) -> tuple[int, list[Finding]]:
    """Count rows with an answer in `folder`; for each other row, find the reason."""
    store = AnswerStore(folder)
    waiting = {row["key"] for row in read_journal(folder / JOURNAL)}
    damaged = _damaged_keys(folder)
    others = [(_difference(cache.settings, identity, sampling), AnswerStore(cache.path))
              for cache in list_caches(root) if cache.path != folder]  # fmt: skip
    found = 0
    misses: list[Finding] = []
    for batch in in_batches(conversations, 1024):
        keys = [prompt_key(conversation) for conversation in batch]
        absent = store.missing(keys)
        found += len(keys) - sum(absent)
        elsewhere = [(difference, other.missing(keys)) for difference, other in others]
        for place, (row, key) in enumerate(zip(batch, keys, strict=True)):
            if not absent[place]:
                continue
            differences = [difference for difference, missing in elsewhere if not missing[place]]
            if key in waiting:
                reason = "it is in an interrupted run's journal; the next run will use it"
            elif key in store.unusable:
                reason = "its cached answer is not usable (e.g. not a text); the next run generates it again"
            elif key in damaged:
                reason = "its shard was damaged and set aside"
            elif differences:
                reason = "cached with other settings: " + " / ".join(sorted(differences))
            else:
                reason = "this prompt is not cached (new, or its text changed)"
            misses.append(Finding(row.id, reason))
    return found, misses


def count_reasons(misses: Sequence[Finding]) -> list[tuple[str, int, str]]:
    """Reasons with count and first row, most frequent first."""
    first: dict[str, str] = {}
    for miss in misses:
        first.setdefault(miss.reason, miss.row)
    return [(reason, count, first[reason]) for reason, count in Counter(miss.reason for miss in misses).most_common()]


def to_prune(caches: Sequence[CacheFolder], model: str | None, older_than_days: float | None) -> list[Path]:
    """Paths to remove: leftovers, or entire caches that match the given model and age."""
    if model is None and older_than_days is None:
        return [path for cache in caches for path in cache.leftovers]
    oldest = time.time() - (older_than_days or 0.0) * 86_400
    return [
        cache.path
        for cache in caches
        if (model is None or model in (cache.settings.get("model", {}).get("model"), cache.path.name))
        and (older_than_days is None or cache.last_written < oldest)
    ]


def remove(paths: Sequence[Path]) -> None:
    """Remove leftovers or entire caches, each under its lock. Errors: `UserError` if a run is writing there."""
    for path in paths:
        if (path / SETTINGS).is_file():
            remove_folder(path)
            continue
        with folder_lock(path.parent), disk_errors(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _look(folder: Path) -> CacheFolder:
    shards = shard_paths(folder)
    journal = folder / JOURNAL
    return CacheFolder(
        path=folder,
        settings=_settings(folder / SETTINGS),
        rows=sum(_rows_of(path) for path in shards),
        shards=len(shards),
        bytes=sum(path.stat().st_size for path in folder.iterdir() if path.is_file()),
        waiting_rows=sum(1 for _ in read_journal(journal)),
        leftovers=tuple(path for pattern in _LEFTOVERS for path in sorted(folder.glob(pattern))),
        last_written=max(path.stat().st_mtime for path in [folder / SETTINGS, *shards]),
    )


def _settings(path: Path) -> dict[str, Any]:
    """A cache's settings; empty with a warning if the file is damaged. The next run rewrites it."""
    try:
        found = read_json(path)
    except UserError:
        found = None
    if isinstance(found, dict) and all(isinstance(found.get(key, {}), dict) for key in ("model", "sampling")):
        return found
    log.warning("%s is damaged; the cached answers stay usable, but their model and settings are unknown", path)
    return {}


def _rows_of(path: Path) -> int:
    """The row count in a shard's last line, or 0."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 200))
        footer = stream.read().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        return int(json.loads(footer)["rows"])
    except (ValueError, KeyError, TypeError):
        return 0


def _difference(settings: dict[str, Any], identity: ModelIdentity, sampling: Sampling) -> str:
    """The differences between another cache's settings and the requested ones."""
    wanted = {**identity.settings(), "sampling": sampling.signature()}
    there = {**settings.get("model", {}), "sampling": settings.get("sampling_signature")}
    return named_differences({name: there.get(name) for name in wanted}, wanted)


def _damaged_keys(folder: Path) -> set[str]:
    """Keys that are still readable in shards that were set aside."""
    keys = set()
    for path in folder.glob("*.damaged"):
        for line in path.read_bytes().splitlines():
            try:
                keys.add(str(json.loads(line)["key"]))
            except (ValueError, KeyError, TypeError):
                continue
    return keys
