"""Estimate the time for missing runs from finished ones."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from bleuberi.comparison.arms import Run
from bleuberi.comparison.record import RunRecord


class Times:
    """Seconds of finished runs, by arm and by kind of arm."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        self._seconds: dict[str, list[float]] = {}
        for record in records:
            self.add(record)

    def add(self, record: RunRecord) -> None:
        """Add a finished run."""
        method = record.manifest.config["training"].get("method", "")
        for name in (f"arm {record.arm}", f"kind {method}"):
            self._seconds.setdefault(name, []).append(record.own_seconds)

    def estimate(self, runs: Iterable[Run]) -> str:
        """E.g. `, about 12 minutes to go`; empty if nothing is missing or no similar run has finished."""
        expected = [self._expected(run) for run in runs]
        known = [seconds for seconds in expected if seconds is not None]
        unknown = len(expected) - len(known)
        if not known:
            return ""
        more = f" and {unknown} {'run' if unknown == 1 else 'runs'} of unknown length" if unknown else ""
        return f", about {_minutes(sum(known))} to go{more}"

    def _expected(self, run: Run) -> float | None:
        kind = run.arm.kind if run.arm.trained else ""
        seconds = self._seconds.get(f"arm {run.arm.name}") or self._seconds.get(f"kind {kind}")
        return fmean(seconds) if seconds else None


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
