"""Run an experiment: check existing runs, run the missing ones, compare. Interrupted steps resume."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bleuberi.comparison.answer import RESPONSES
from bleuberi.comparison.arms import Run, find_runs, start_of
from bleuberi.comparison.config import Options
from bleuberi.comparison.evaluation import (
    TABLE,
    Evaluate,
    evaluate_command,
    evaluate_runs,
    fitting_responses,
    is_current,
    texts_in_folder,
)
from bleuberi.comparison.inputs import DEMO, freeze_configs, identify_base, make_pools
from bleuberi.comparison.protocol import Protocol, read_protocol
from bleuberi.comparison.record import (
    RunRecord,
    known_rows,
    read_record,
    refuse_strangers,
    write_record,
)
from bleuberi.comparison.stages import Workshop, make_run
from bleuberi.comparison.store import Store, held_if_free
from bleuberi.comparison.times import Times
from bleuberi.comparison.versions import is_committed
from bleuberi.errors import UserError

log = logging.getLogger(__name__)

STORE: Final = "experiments"


@dataclass(slots=True)
class Outcome:
    """The state after the command."""

    protocol: Protocol
    records: dict[str, RunRecord] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)  # runs that do not exist yet
    made: list[str] = field(default_factory=list)  # runs of this command
    held: list[str] = field(default_factory=list)  # missing runs that another process is running
    table: Path | None = None  # if all runs exist


def open_workshop(protocol: Protocol, cache: Path, demo_model: Callable[[], Path]) -> Workshop:
    """Prepare the inputs of all runs. Errors: `UserError` if model or pool is not available."""
    store = Store(cache.absolute() / STORE)
    base = identify_base(protocol, demo_model() if protocol.model == DEMO else None)
    return Workshop(protocol, base, make_pools(protocol, store), store)


def compare(options: Options, tell: Callable[[str], None], evaluate: Evaluate = evaluate_command) -> Outcome:
    """Run the missing runs and compare; `tell` receives one line per run. Errors: `UserError`."""
    protocol = read_protocol(options.protocol)
    wanted = find_runs(protocol.runs, list(options.only), "--only") or protocol.runs
    refuse_strangers(protocol)
    workshop = open_workshop(protocol, options.cache, options.demo_model)
    outcome = Outcome(protocol, _records(workshop))
    workshop = replace(workshop, known_rows=known_rows(outcome.records.values()))
    missing = [run for run in protocol.runs if run.name not in outcome.records]
    todo = [run for run in missing if run.name in {one.name for one in wanted}]
    if missing and is_committed(protocol.path) is False:
        log.warning("%s is not committed. Commit it before its runs, so that readers know it came first", protocol.path)
    times = Times(outcome.records.values())
    tell(f"{protocol.name}: {len(outcome.records)} of {len(protocol.runs)} runs exist{times.estimate(todo)}")
    if options.dry_run:
        outcome.missing = [run.name for run in missing]
        return outcome
    if todo:
        freeze_configs(protocol)
        tell(f"Logs and weights: {workshop.store.root}")
    for place, run in enumerate(todo, 1):
        there = read_record(run, workshop.decides(run), protocol)  # another process may have finished it meanwhile
        if there is None:
            tell(f"[{place}/{len(todo)}] {run.name}{times.estimate([run])} ...")
        record = there or _make(run, workshop)
        if record is None:
            outcome.held.append(run.name)
            tell(f"[{place}/{len(todo)}] {run.name} is running in another process; skipped")
            continue
        outcome.records[run.name] = record
        outcome.made += [run.name] if there is None else []
        times.add(record)
        tell(f"[{place}/{len(todo)}] {run.name} is done{times.estimate(todo[place:])}")
        if outcome.made and not options.keep_weights:
            _drop_weights(workshop, outcome)
    outcome.records = _records(workshop)
    outcome.missing = [run.name for run in protocol.runs if run.name not in outcome.records]
    if outcome.made and not options.keep_weights:
        _drop_weights(workshop, outcome)  # again: another process may have finished the last run that needed them
    if not outcome.missing:
        _evaluate(workshop, outcome, tell, evaluate)
    return outcome


def _records(workshop: Workshop) -> dict[str, RunRecord]:
    """The records of all existing runs, checked. Errors: as `read_record`."""
    found = {run.name: read_record(run, workshop.decides(run), workshop.protocol) for run in workshop.protocol.runs}
    return {name: record for name, record in found.items() if record is not None}


def _make(run: Run, workshop: Workshop) -> RunRecord | None:
    """Execute a run and save its record; None if another process has locked it or the run it starts from."""
    with ExitStack() as stack:
        if not _hold(run, workshop, stack):
            return None
        made = make_run(run, workshop)
        return write_record(run, made, workshop.decides(run), workshop.protocol)


def _hold(run: Run, workshop: Workshop, stack: ExitStack) -> bool:
    """Lock the store entries of the run and of the runs it starts from."""
    here: Run | None = run
    while here is not None:
        if not stack.enter_context(held_if_free(workshop.entry(here).folder)):
            return False
        here = start_of(here, workshop.protocol.arms)
    return True


def _drop_weights(workshop: Workshop, outcome: Outcome) -> None:
    """Remove the weights of finished runs, except those that missing runs start from."""
    arms = workshop.protocol.arms
    missing = [run for run in workshop.protocol.runs if run.name not in outcome.records]
    needed = {start.name for run in missing if (start := start_of(run, arms)) is not None}
    for run in workshop.protocol.runs:
        if run.arm.trained and run.name in outcome.records and run.name not in needed:
            entry = workshop.entry(run)
            with held_if_free(entry.folder) as ours:
                if ours:
                    entry.drop_weights()


def _evaluate(workshop: Workshop, outcome: Outcome, tell: Callable[[str], None], evaluate: Evaluate) -> None:
    protocol, records = workshop.protocol, outcome.records
    if not is_current(protocol, records):
        texts = {run.name: _texts(run, records[run.name], workshop, tell) for run in protocol.runs}
        tell(f"All {len(records)} runs exist; evaluating ...")
        evaluate_runs(protocol, records, texts, workshop, evaluate)
    outcome.table = protocol.folder / TABLE


def _texts(run: Run, record: RunRecord, workshop: Workshop, tell: Callable[[str], None]) -> Path:
    """The run's responses with texts: committed, from the store, or regenerated. Errors: `UserError`."""
    stored = workshop.responses(run) / RESPONSES
    found = texts_in_folder(record) or fitting_responses(stored, record)
    if found is not None:
        return found
    tell(f"{run.name}: only hashes of its responses are committed; regenerating them ...")
    with ExitStack() as stack:
        if not _hold(run, workshop, stack):
            raise UserError(f"Another process is running {run.name}.", "Wait until it has finished, then rerun.")
        make_run(run, workshop)
    found = fitting_responses(stored, record)
    if found is None:
        raise UserError(
            f"{run.name}: the regenerated responses do not match the committed hashes.",
            "A different processor or library can cause this (see --rerun). Evaluate on the original machine.",
        )
    return found
