"""The cost of the search for an arm's settings, from the committed pilots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bleuberi import made
from bleuberi.comparison.costs import Cost
from bleuberi.comparison.record import RUNS, read_folder
from bleuberi.comparison.search import Search
from bleuberi.errors import UserError


@dataclass(frozen=True, slots=True)
class Searched:
    """The settings, runs and cost of the search for one arm's settings."""

    settings: int
    runs: int
    cost: Cost  # of all runs, with their responses; a data set that several share counts once


def search_costs(search: Search, folder: Path) -> dict[str, Searched]:
    """The cost of each arm's search, from the committed pilots. `folder` is the protocol's.

    Errors: `UserError` if a pilot has no run of that arm, or if a run was changed.
    """
    return {name: _searched([folder / tried for tried in pilots]) for name, pilots in search.items()}


def _searched(pilots: list[Path]) -> Searched:
    runs, total, counted = 0, Cost(), set()
    for pilot in pilots:
        own = [path for path in _runs_of(pilot) if path.name.partition("@")[0] == pilot.name]
        if not own:
            raise UserError(
                f"The protocol's `search` names {pilot}, which has no committed runs.",
                "Run the pilot first, or correct the name: FOLDER/ARM, relative to the protocol.",
            )
        for path in own:
            record = read_folder(path)
            made.refuse_changed(path, {"files_sha256": record.manifest.files_sha256}, "Restore the pilot's files.")
            trained = record.manifest.trained
            data = trained.data_sha256 if trained is not None else None
            parts = ["start", "training", "answering", *([] if data in counted else ["data"])]
            counted.add(data)
            total = sum((record.cost[name] for name in parts if name in record.cost), total)
            runs += 1
    return Searched(len(pilots), runs, total)


def _runs_of(pilot: Path) -> list[Path]:
    folder = pilot.parent / RUNS
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
