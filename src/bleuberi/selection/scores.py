"""Score the responses of a pool."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bleuberi.artifacts import (
    file_hash,
    json_hash,
    make_manifest,
    parts_hash,
    read_json,
    read_state,
    set_aside,
    sidecar,
    write_json,
)
from bleuberi.atomic_files import fresh_file
from bleuberi.columns import score_column
from bleuberi.data.disguised import refuse_disguised
from bleuberi.data.json_rows import json_rows
from bleuberi.errors import UserError
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Example
from bleuberi.rewards import WITH_MODEL, Reward
from bleuberi.rewards.base import TextReward, score_examples, traits_of
from bleuberi.rewards.cached import CachedReward
from bleuberi.strict_json import as_finite, indented, is_finite, strict_json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of N of a pool's examples in its order, how many could not be scored, and how the scores were made."""

    places: Sequence[int]  # N, of those with a score
    values: Sequence[float]  # N
    responses: Sequence[str] | None  # N; None if the scores are imported
    dropped: dict[str, int]
    signature: str
    imported_from: Path | None = None  # a file of the original program


def score_pool(
    examples: Sequence[Example],  # N
    responses: Iterable[str | None],  # N; None is not scored
    reward: Reward,
    path: Path,
) -> Scores:
    """Score every response against its example's references, and save the scores at `path` (JSON).

    Scores at `path` are reused if their manifest says that they are of the same texts and the same reward. A row to
    which the reward gives no finite number is left out and counted.
    """
    places, texts = array("q"), Spilled[str]()
    inputs = parts_hash(_inputs(examples, responses, places, texts))
    scored = Mapped(places, examples.__getitem__)
    key = {"inputs_sha256": inputs, "reward_signature": reward.signature()}
    values = _kept_scores(path, score_column(reward.name), key)
    if values is None:
        log.info("Scoring %d responses with %s", len(scored), reward.signature())
        values = score_examples(_row_by_row(reward, path.parent), scored, texts)
        _keep_scores(path, score_column(reward.name), key, scored, texts, values)
    else:
        log.info("All %d scores come from %s", len(scored), path)
    kept = array("q", (number for number, value in enumerate(values) if not math.isnan(value)))
    return Scores(
        array("q", map(places.__getitem__, kept)),
        array("d", map(values.__getitem__, kept)),
        Mapped(kept, texts.__getitem__),
        {"not scorable": len(scored) - len(kept)},
        reward.signature(),
    )


def _inputs(
    examples: Sequence[Example], responses: Iterable[str | None], places: array[int], texts: Spilled[str]
) -> Iterator[str]:
    """A hash of each scored row; the rows' places and responses are added to the last two."""
    for place, (row, response) in enumerate(zip(examples, responses, strict=True)):
        if response is not None:
            places.append(place)
            texts.append(response)
            yield json_hash([row.id, response, row.references])


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
        log.warning("%s has scores by %s, not by %s; they are ignored", path, ", ".join(sorted(named)), metric)
        return None
    return path


def imported_signature(path: Path) -> str:
    """The text in place of a reward's signature for imported scores, whose making is unknown."""
    return f"imported:{file_hash(path)[:16]}"


def imported_scores(examples: Sequence[Example], metric: str, path: Path) -> Scores:
    """Read the scores of the original program from that file.

    Accepted are an object of id -> `{"score": number, "metric": name}`, as that program writes, or of id -> score, or a
    list of rows with `id` and a score. Examples without a score in the file are counted. Errors: `UserError` for
    another format.
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
                f"{path} is not a score file: a row lacks `id` or `{score_column(metric)}`.",
                "Move the file away; the scores are then recomputed.",
            )
        number = None if value is None else as_finite(value)
        if number is not None:
            found.setdefault(str(row["id"]), number)
    places, values = array("q"), array("d")
    for place, example in enumerate(examples):
        if example.id in found:
            places.append(place)
            values.append(found[example.id])
    log.info("Imported %d scores from %s (made elsewhere: their signature is not known)", len(places), path)
    dropped = {"without an imported score": len(examples) - len(places)}
    return Scores(places, values, None, dropped, f"{metric}|{imported_signature(path)}", path)


def _row_by_row(reward: Reward, folder: Path) -> Reward:
    """A reward that runs a model gets a score cache, so that a killed run resumes; text rewards are faster than the
    disk."""
    if reward.name in WITH_MODEL and isinstance(reward, TextReward) and not traits_of(reward).over_whole_pool:
        return CachedReward(reward, folder / "scores.sqlite")
    return reward


def _kept_scores(path: Path, column: str, key: Mapping[str, str]) -> array[float] | None:
    """The scores at `path`, NaN for none, if their manifest has this key and the file's hash; else None."""
    if not (path.is_file() and sidecar(path).is_file()):
        return None
    manifest = read_state(sidecar(path))
    if not sidecar(path).is_file():  # it was damaged; alone, the scores would be taken for somebody else's
        set_aside(path)
        return None
    if manifest.get("config") != dict(key) or manifest.get("sha256") != file_hash(path):
        return None
    values = array("d")
    for raw in json_rows(path, one_per_line=False):
        value = raw.values.get(column, math.nan)
        if value is not None and not is_finite(value):
            log.warning("%s has scores that are not finite numbers; they are recomputed", path)
            return None
        values.append(math.nan if value is None else value)
    return values


def _keep_scores(
    path: Path,
    column: str,
    key: Mapping[str, str],
    scored: Sequence[Example],  # N
    responses: Sequence[str],  # N
    values: Sequence[float],  # N, NaN for none
) -> None:
    """Write the scores, and before them the manifest with their hash: after a kill between the two, the old scores do
    not match it."""
    if path.is_file() and not sidecar(path).is_file():
        path.replace(path.with_name(path.stem + ".imported.json"))  # the user's own file is never overwritten
    rows = (
        strict_json({"id": row.id, column: value, "response": response}, ascii_only=True, indent=1)
        for row, value, response in zip(scored, values, responses, strict=True)
    )
    with fresh_file(path) as partial:
        with partial.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write("[")
            stream.writelines(indented(rows, 1))
            stream.write("\n]\n" if scored else "]\n")
        write_json(sidecar(path), make_manifest("scores", key, sha256=file_hash(partial)))


def _score_names(metric: str) -> tuple[str, ...]:
    return (score_column(metric), metric, "score")
