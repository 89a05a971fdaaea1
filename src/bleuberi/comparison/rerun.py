"""Repeat one run from scratch, and compare its responses with the committed ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bleuberi.artifacts import content_hash
from bleuberi.comparison.answer import text_hash
from bleuberi.comparison.arms import find_runs
from bleuberi.comparison.config import Options
from bleuberi.comparison.process import cpu_model
from bleuberi.comparison.protocol import read_protocol
from bleuberi.comparison.record import RunRecord, read_record
from bleuberi.comparison.run import open_workshop
from bleuberi.comparison.stages import Made, make_run
from bleuberi.comparison.store import held_if_free
from bleuberi.comparison.versions import versions
from bleuberi.errors import UserError

_SHOWN: int = 200  # characters of a text


@dataclass(frozen=True, slots=True)
class Rerun:
    """Comparison of a repeated run with the committed one."""

    run: str
    responses: int
    differing: int
    first: Mapping[str, Any] | None  # the first difference: id, committed text and new text
    same_weights: bool | None  # None for untrained arms
    elsewhere: list[str]  # other differences: processor, versions

    @property
    def equal(self) -> bool:
        return self.differing == 0

    def sentences(self) -> list[str]:
        """The result as text lines."""
        if self.equal:
            weights = "" if self.same_weights is None else f", weights {'equal' if self.same_weights else 'differ'}"
            return [f"{self.run}: all {self.responses} responses are equal to the committed ones{weights}."]
        first = self.first or {}
        lines = [f"{self.run}: {self.differing} of {self.responses} responses differ from the committed ones."]
        lines += [f"First: {first['id']}", f"  committed: {first['committed']}", f"  now:       {first['now']}"]
        here = "; ".join(self.elsewhere)
        return [*lines, f"Different here: {here}." if here else "Same processor and versions as the committed run."]


def rerun(options: Options, name: str, tell: Callable[[str], None]) -> Rerun:
    """Repeat a run (and the run it starts from) in a temporary store.

    Errors: `UserError` if the run is not committed.
    """
    protocol = read_protocol(options.protocol)
    found = find_runs(protocol.runs, [name], "--rerun")
    if len(found) > 1:
        raise UserError(
            f"--rerun {name} matches {len(found)} runs.", f"Choose one: {', '.join(run.name for run in found)}."
        )
    (run,) = found
    place = options.cache.absolute() / "reruns" / content_hash(str(options.protocol.absolute()), name)[:20]
    with held_if_free(place) as ours:
        if not ours:
            raise UserError(f"{name} is already being repeated, in {place}.", "Wait until that has finished.")
        try:
            _empty(place)  # a killed rerun may have left files
            workshop = open_workshop(protocol, place, options.demo_model)
            record = read_record(run, workshop.decides(run), protocol)
            if record is None:
                raise UserError(
                    f"{run.name} has not run yet, so there is nothing to compare with.", "Run it without --rerun."
                )
            tell(f"Repeating {run.name} from scratch, about {record.own_seconds / 60:.0f} minutes ...")
            return _compare(record, make_run(run, workshop))
        finally:
            _empty(place)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _compare(record: RunRecord, made: Made) -> Rerun:
    before = {row["id"]: row for row in record.responses()}
    now = {row["id"]: row for row in made.responses}
    differing = [key for key in before if key not in now or text_hash(before[key]) != text_hash(now[key])]
    first = None
    if differing:
        key = differing[0]
        first = {"id": key, "committed": _shown(before[key]), "now": _shown(now.get(key), before[key])}
    trained = record.manifest.trained
    same = None if trained is None else trained.weights_sha256 == (made.trained or {})["weights_sha256"]
    return Rerun(record.name, len(before), len(differing), first, same, _elsewhere(record))


def _shown(row: Mapping[str, Any] | None, like: Mapping[str, Any] | None = None) -> str:
    """The text, or its hash if the committed row (`like`) has no text."""
    if row is None:
        return "no response"
    if "response" not in (like or row):
        return f"sha256 {text_hash(row)[:16]}"
    return repr(row["response"][:_SHOWN])


def _elsewhere(record: RunRecord) -> list[str]:
    then, now = record.manifest.versions, versions()
    found = [
        f"{name} {then.get(name)} then, {now.get(name)} now"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
    if record.manifest.cpu != cpu_model():
        found.insert(0, f"processor {record.manifest.cpu} then, {cpu_model()} now")
    return found
