"""Score the responses of a pool."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bleuberi.artifacts import (
    content_hash,
    file_hash,
    json_hash,
    make_manifest,
    read_json,
    read_state,
    set_aside,
    sidecar,
    write_json,
    write_text,
)
from bleuberi.columns import score_column
from bleuberi.data.disguised import refuse_disguised
from bleuberi.errors import UserError
from bleuberi.records import Example
from bleuberi.rewards import WITH_MODEL, Reward
from bleuberi.rewards.base import TextReward, score_responses, traits_of
from bleuberi.rewards.cached import CachedReward
from bleuberi.strict_json import as_finite, is_finite, strict_json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores by example id in the pool's order, how many could not be scored, and how the scores were made."""

    by_id: dict[str, float]
    dropped: dict[str, int]
    signature: str
    imported_from: Path | None = None  # a file of the original program


def score_pool(examples: Sequence[Example], response_by_id: Mapping[str, str], reward: Reward, path: Path) -> Scores:
    """Score every response against its example's references, and keep the scores at `path` (JSON).

    Scores that lie there already are taken where their manifest says that they are of the same texts and the same
    reward. A row to which the reward gives no finite number is left out and counted.
    """
    scored = [row for row in examples if row.id in response_by_id]
    # Row by row: the text of a whole pool would take twice its memory.
    inputs = content_hash(*(json_hash([row.id, response_by_id[row.id], row.references]) for row in scored))
    key = {"inputs_sha256": inputs, "reward_signature": reward.signature()}
    values = _kept_scores(path, score_column(reward.name), key)
    if values is None:
        log.info("Scoring %d responses with %s", len(scored), reward.signature())
        values = score_responses(
            _row_by_row(reward, path.parent),
            prompts=[row.prompt for row in scored],
            responses=[response_by_id[row.id] for row in scored],
            references=[row.references for row in scored],
        )
        _keep_scores(path, score_column(reward.name), key, response_by_id, scored, values)
    else:
        log.info("All %d scores come from %s", len(scored), path)
    by_id = {row.id: value for row, value in zip(scored, values, strict=True) if value is not None}
    return Scores(by_id, {"not scorable": len(scored) - len(by_id)}, reward.signature())


def original_score_file(paths: Iterable[Path], metric: str) -> Path | None:
    """The first of the files that exists, if the method's original program wrote it (it has no manifest) for this
    metric. Errors: `UserError` if it is not JSON."""
    path = next((path for path in paths if path.is_file()), None)
    if path is None or sidecar(path).is_file():
        return None
    refuse_disguised(path)
    content = read_json(path)
    rows = content.values() if isinstance(content, dict) else content if isinstance(content, list) else []
    named = {str(row["metric"]) for row in rows if isinstance(row, dict) and "metric" in row}
    if named - {metric}:
        log.warning("%s has scores of %s, not of %s: they are not used", path, ", ".join(sorted(named)), metric)
        return None
    return path


def imported_signature(path: Path) -> str:
    """What stands for a reward's signature if the scores are of a file: how they were made is not known."""
    return f"imported:{file_hash(path)[:16]}"


def imported_scores(examples: Sequence[Example], metric: str, path: Path) -> Scores:
    """The scores of the original program in that file.

    Read are an object of id -> `{"score": number, "metric": name}`, as there, or of id -> score, or a list of rows with
    `id` and a score. Examples without a score in the file are counted. Errors: `UserError` if it has another shape.
    """
    content = read_json(path)
    if isinstance(content, dict):
        content = [{**value, "id": key} if isinstance(value, dict) else {"id": key, metric: value}
                   for key, value in content.items()]  # fmt: skip
    found: dict[str, float] = {}
    for row in content if isinstance(content, list) else [None]:
        value = (
            next((row[name] for name in _score_names(metric) if name in row), None) if isinstance(row, dict) else None
        )
        is_score = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        if not isinstance(row, dict) or "id" not in row or not is_score:
            raise UserError(
                f"{path} is not a file of scores: a row has no `id` or no `{score_column(metric)}`.",
                "Move the file away; the scores are then computed.",
            )
        number = None if value is None else as_finite(value)
        if number is not None:
            found.setdefault(str(row["id"]), number)
    by_id = {row.id: found[row.id] for row in examples if row.id in found}
    log.info("Imported %d scores from %s (made elsewhere: their signature is not known)", len(by_id), path)
    dropped = {"without an imported score": len(examples) - len(by_id)}
    return Scores(by_id, dropped, f"{metric}|{imported_signature(path)}", path)


def _row_by_row(reward: Reward, folder: Path) -> Reward:
    """A reward that runs a model keeps each row's score, so a killed run goes on; text rewards outrun the disk."""
    if reward.name in WITH_MODEL and isinstance(reward, TextReward) and not traits_of(reward).over_whole_pool:
        return CachedReward(reward, folder / "scores.sqlite")
    return reward


def _kept_scores(path: Path, column: str, key: Mapping[str, str]) -> list[float | None] | None:
    """The scores at `path` where their manifest vouches for this key and for the file as it is; else None."""
    if not (path.is_file() and sidecar(path).is_file()):
        return None
    manifest = read_state(sidecar(path))
    if not sidecar(path).is_file():  # it was damaged; alone, the scores would be taken for somebody else's
        set_aside(path)
        return None
    if manifest.get("config") != dict(key) or manifest.get("sha256") != file_hash(path):
        return None
    rows = read_json(path)
    values = [row.get(column, math.nan) if isinstance(row, dict) else math.nan for row in rows]
    if all(value is None or is_finite(value) for value in values):
        return values
    log.warning("%s holds scores that are not finite numbers: they are computed again", path)
    return None


def _keep_scores(
    path: Path,
    column: str,
    key: Mapping[str, str],
    response_by_id: Mapping[str, str],
    scored: Sequence[Example],  # N
    values: Sequence[float | None],  # N
) -> None:
    """Write the scores, and before them the manifest with their hash: a kill between the two vouches for nothing."""
    if path.is_file() and not sidecar(path).is_file():
        path.replace(path.with_name(path.stem + ".imported.json"))  # the user's own file is never overwritten
    rows = [
        {"id": row.id, column: value, "response": response_by_id[row.id]}
        for row, value in zip(scored, values, strict=True)
    ]
    text = strict_json(rows, ascii_only=True, indent=1) + "\n"
    write_json(sidecar(path), make_manifest("scores", key, sha256=hashlib.sha256(text.encode()).hexdigest()))
    write_text(path, text)


def _score_names(metric: str) -> tuple[str, ...]:
    return (score_column(metric), metric, "score")
