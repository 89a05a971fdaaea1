"""How long the runs that are missing will take, from those that are there."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from bleuberi.comparison.arms import Run
from bleuberi.comparison.record import RunRecord


class Times:
    """Seconds of finished runs by arm."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        self._seconds: dict[str, list[float]] = {}
        for record in records:
            self.add(record)

    def add(self, record: RunRecord) -> None:
        """Take a finished run into account."""
        self._seconds.setdefault(str(record.manifest["arm"]), []).append(record.own_seconds)

    def estimate(self, runs: Iterable[Run]) -> str:
        """E.g. `, about 12 minutes to go`; empty if there is nothing to do or no arm of them has run yet."""
        left = list(runs)
        known = [fmean(self._seconds[run.arm.name]) for run in left if run.arm.name in self._seconds]
        unknown = len(left) - len(known)
        if not left or not known:
            return ""
        more = f" and {unknown} {'run' if unknown == 1 else 'runs'} of unknown length" if unknown else ""
        return f", about {_minutes(sum(known))} to go{more}"


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
