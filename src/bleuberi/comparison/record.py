"""The committed record of a run: `runs/NAME/` with its log, responses, cost and manifest. No weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bleuberi import made
from bleuberi.artifacts import (
    MANIFEST,
    file_hash,
    json_hash,
    make_manifest,
    read_json,
    read_manifest,
    readable_json,
    write_json,
)
from bleuberi.atomic_files import fresh_folder
from bleuberi.comparison.answer import RESPONSES, read_responses, responses_hash, text_hash
from bleuberi.comparison.arms import Run
from bleuberi.comparison.costs import Cost
from bleuberi.comparison.keys import Decides
from bleuberi.comparison.process import cpu_model
from bleuberi.comparison.protocol import Protocol
from bleuberi.comparison.stages import METRICS, Made
from bleuberi.comparison.versions import last_commit, versions
from bleuberi.errors import UserError
from bleuberi.records import from_json
from bleuberi.strict_json import strict_json

RUNS: Final = "runs"
COST: Final = "cost.json"
KIND: Final = "experiment_run"


@dataclass(frozen=True, slots=True)
class Trained:
    """The training behind a run."""

    data_sha256: str
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class RunProtocol:
    """The protocol that a run was made by."""

    promises: Mapping[str, Any]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class RunManifest:
    """`manifest.json` of a run."""

    config: Mapping[str, Any]
    key: str
    responses_sha256: str
    files_sha256: Mapping[str, str]
    trained: Trained | None
    cpu: str
    protocol: RunProtocol
    versions: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished, committed run."""

    name: str
    folder: Path
    manifest: RunManifest
    cost: Mapping[str, Cost]  # data, start, training, answering, total

    @property
    def arm(self) -> str:
        """The arm in this experiment; a run copied from another experiment may have had another name there."""
        return self.name.partition("@")[0]

    @property
    def own_seconds(self) -> float:
        """Wall seconds of a run's own work: training and responses."""
        return sum(self.cost[name].seconds.wall for name in ("training", "answering") if name in self.cost)

    def responses(self) -> list[dict[str, Any]]:
        return read_responses(self.folder / RESPONSES)


def write_record(run: Run, finished: Made, decides: Decides, protocol: Protocol) -> RunRecord:
    """Save a finished run in the experiment's folder, atomically."""
    folder = protocol.folder / RUNS / run.name
    rows = finished.responses if protocol.texts == "commit" else [_without_text(row) for row in finished.responses]
    with fresh_folder(folder) as partial:
        lines = "".join(readable_json(row) + "\n" for row in rows)
        (partial / RESPONSES).write_text(lines, encoding="utf-8", newline="\n")
        if finished.metrics is not None:
            shutil.copyfile(finished.metrics, partial / METRICS)
        write_json(partial / COST, finished.cost)
        files = {path.name: file_hash(path) for path in sorted(partial.iterdir()) if path.is_file()}
        trained = {name: value for name, value in (finished.trained or {}).items() if name != "cost"}
        manifest = make_manifest(
            KIND,
            decides,
            run=run.name,
            arm=run.arm.name,
            seed=run.seed,
            key=json_hash(decides),
            responses_sha256=responses_hash(rows),
            files_sha256=files,
            trained=trained or None,
            cpu=cpu_model(),
            protocol={
                "name": protocol.name,
                "sha256": protocol.sha256,
                "commit": last_commit(protocol.path),
                "promises": protocol.promises(),
            },
        )
        write_json(partial / MANIFEST, {**manifest, "command": command_of(protocol), "versions": versions()})
    return read_folder(folder)


def command_of(protocol: Protocol) -> list[str]:
    """The command for committed files, without this machine's paths."""
    return ["bleuberi", "compare", "--protocol", protocol.path.name]


def read_record(run: Run, decides: Decides, protocol: Protocol) -> RunRecord | None:
    """The run's record, or None.

    Errors: `UserError` if it was made with different settings, or if its files were changed since.
    """
    folder = protocol.folder / RUNS / run.name
    if read_manifest(folder) is None:
        return None
    record = read_folder(folder)
    cure = "Restore those settings, name the changed arm differently, or remove the folder to run it again."
    made.refuse_other(f"The run {folder}", record.manifest.config, decides, cure)
    made.refuse_changed(folder, {"files_sha256": record.manifest.files_sha256}, "Remove the folder to run it again.")
    if protocol.texts == "scores_only" and any("response" in row for row in record.responses()):
        raise UserError(
            f"{folder} contains responses, but the protocol says `texts: scores_only`.",
            "Remove the folder, and remove it from the repository's history if it was committed.",
        )
    return record


def read_folder(folder: Path) -> RunRecord:
    """The record in the folder, which has the run's name. Errors: `UserError` if it is missing or damaged."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.get("kind") != KIND:
        raise UserError(f"{folder} is not a valid run record.", "Remove it.")
    costs = {part: from_json(Cost, cost, f"{COST}.{part}") for part, cost in read_json(folder / COST).items()}
    return RunRecord(folder.name, folder, from_json(RunManifest, manifest, MANIFEST), costs)


def refuse_strangers(protocol: Protocol) -> None:
    """Errors: `UserError` for a run that is not in the protocol: no run may be omitted silently."""
    known = {run.name for run in protocol.runs}
    for path in sorted((protocol.folder / RUNS).glob("[!.]*/")):
        if path.name not in known:
            raise UserError(
                f"{path} is a run that is not in the protocol.",
                "Add it to the protocol: results must not omit runs. If it belongs elsewhere, remove the folder.",
            )


def known_rows(records: Iterable[RunRecord]) -> dict[str, str]:
    """Hash of a data set's settings -> hash of its rows, as recorded by runs."""
    return {
        json_hash(record.manifest.config["training"]["data"]): record.manifest.trained.data_sha256
        for record in records
        if record.manifest.trained
    }


def changed_promises(records: Mapping[str, RunRecord], protocol: Protocol) -> list[str]:
    """Changes of the protocol since the runs, as sentences; empty if unchanged."""
    now = json.loads(strict_json(protocol.promises()))
    found: dict[tuple[str, str], list[str]] = {}
    for name, record in records.items():
        then = record.manifest.protocol
        fields = {**now, **then.promises}  # also those that the protocol has no longer
        changes = [_changed(field, then.promises.get(field), now.get(field)) for field in fields]
        if listed := "; ".join(filter(None, changes)):
            found.setdefault((then.name or protocol.name, listed), []).append(name)
    return [
        f"The protocol was changed after {_some(names)} had run: {listed}"
        if experiment == protocol.name
        else f"{_some(names)} ran for the experiment {experiment}, whose protocol has other decisions: {listed}"
        for (experiment, listed), names in found.items()
    ]


def _changed(field: str, then: object, now: object) -> str:
    """E.g. `primary: a - b in bleu then, c - b in bleu now`; the names alone for what has parts; empty if equal."""
    if not isinstance(then, Mapping) or not isinstance(now, Mapping):
        return "" if then == now else f"{field}: {then!s:.60} then, {now!s:.60} now"
    parts = [change.name for change in made.differences(then, now)]
    return f"{field}: {_some(parts)}" if parts else ""


def _without_text(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"], "sha256": text_hash(row), "finish_reason": row["finish_reason"], "tokens": row["tokens"]
    }  # fmt: skip


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
