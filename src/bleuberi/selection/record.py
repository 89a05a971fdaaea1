"""What a selection did: scores, lengths and sources before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np

from bleuberi.records import Example, Tally
from bleuberi.selection.measures import Measures, measure_response, shortest_reference
from bleuberi.selection.pick_signal import length_bins

SELECTION_RECORD: Final = "selection.json"
_BINS: Final = 40


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """One response's score and text; the text is None where scores were imported."""

    score: float
    response: str | None


@dataclass(frozen=True, slots=True)
class Picked:
    """What a selection mode chose, and everything that it knew when it chose."""

    chosen: list[Example]
    dropped: dict[str, int]
    samples_by_id: Mapping[str, Sequence[ScoredSample]] = field(default_factory=dict)  # of all scored rows
    columns_by_id: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # score columns of the chosen
    signature: str | None = None
    scores_path: Path | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    generated_now: int = 0
    details: dict[str, Any] = field(default_factory=dict)  # of the mode, for the record

    @property
    def mean_scores(self) -> dict[str, float]:
        """Score by id of all scored rows; the mean where a row has several samples."""
        return {row: fmean(sample.score for sample in samples) for row, samples in self.samples_by_id.items()}


def selection_record(
    mode: str, metric: str | None, examples: Sequence[Example], picked: Picked, tally: Tally
) -> dict[str, Any]:
    """The content of `selection.json`. `examples`: the rows of the pool that have all references."""
    lengths = {row.id: shortest_reference(row.references) for row in examples}
    bins = dict(zip(lengths, length_bins(list(lengths.values())), strict=True))
    chosen = [row.id for row in picked.chosen]
    values = _values(metric or "", picked, lengths)
    return {
        "schema_version": 1,
        "selection_mode": mode,
        "reward_signature": picked.signature,
        "rows_in": tally.rows_in,
        "kept": tally.kept,
        "dropped": dict(tally.dropped),
        **picked.details,
        "distributions": {name: _distribution(by_id, chosen) for name, by_id in values.items() if by_id},
        "source_mix": _mix({row.id: row.source for row in examples}, chosen),
        "reference_length_mix": _mix({row: bins[row] for row in sorted(bins, key=lengths.__getitem__)}, chosen),
        "rows": [{"id": row, **{name: by_id[row] for name, by_id in values.items() if row in by_id}} for row in chosen],
    }


def _values(metric: str, picked: Picked, reference_tokens: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """Name of a quantity -> its value by id; means where a row has several samples."""
    values: dict[str, dict[str, float]] = {"score": picked.mean_scores}
    for name in Measures._fields:
        values[name] = {}
    for row, samples in picked.samples_by_id.items():
        measured = [
            measure_response(metric, sample.score, sample.response, reference_tokens[row])
            for sample in samples
            if sample.response is not None
        ]
        for name in Measures._fields:
            found = [value for one in measured if (value := getattr(one, name)) is not None]
            if found:
                values[name][row] = fmean(found)
    for column in sorted({name for by_name in picked.columns_by_id.values() for name in by_name}):
        if column != metric:
            values[column] = {row: by_name[column] for row, by_name in picked.columns_by_id.items()}
    return values


def _distribution(by_id: Mapping[str, float], chosen: Sequence[str]) -> dict[str, Any]:
    """Summaries and counts over shared bins of all rows and of the chosen ones; the last bin holds what is above it."""
    everything = np.array(list(by_id.values()))
    taken = np.array([by_id[row] for row in chosen if row in by_id])
    low, high = float(everything.min()), float(np.quantile(everything, 0.99))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    return {
        "pool": _summary(everything),
        "picked": _summary(taken),
        "edges": edges.tolist(),
        "pool_counts": np.histogram(np.minimum(everything, edges[-1]), edges)[0].tolist(),
        "picked_counts": np.histogram(np.minimum(taken, edges[-1]), edges)[0].tolist(),
    }


def _summary(values: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float]:
    if not len(values):
        return {"rows": 0}
    names = ("min", "q25", "median", "q75", "max")
    quantiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    return {"rows": len(values), "mean": float(values.mean()), **dict(zip(names, map(float, quantiles), strict=True))}


def _mix(kind_by_id: Mapping[str, str], chosen: Sequence[str]) -> dict[str, dict[str, int]]:
    taken = Counter(kind_by_id[row] for row in chosen)
    return {kind: {"pool": count, "picked": taken[kind]} for kind, count in Counter(kind_by_id.values()).items()}
