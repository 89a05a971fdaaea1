"""The record of a selection: scores, lengths and sources, of all rows and of the picked ones."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Final, Self

import numpy as np

from bleuberi.artifacts import read_record, readable_json
from bleuberi.atomic_files import fresh_file
from bleuberi.on_disk import Mapped
from bleuberi.records import Example, Tally, to_json
from bleuberi.selection.measures import Measures, measure_response, shortest_reference
from bleuberi.selection.pick import Places, Scores
from bleuberi.selection.pick_signal import binned
from bleuberi.strict_json import indented

SELECTION_RECORD: Final = "selection.json"
_BINS: Final = 40


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of some rows' values; only their number if there are none."""

    rows: int
    mean: float | None = None
    min: float | None = None
    q25: float | None = None
    median: float | None = None
    q75: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """The distribution of a quantity over all rows and over the picked ones, with shared bins; the last bin includes
    larger values."""

    pool: Summary
    picked: Summary
    edges: tuple[float, ...]
    pool_counts: tuple[int, ...]
    picked_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """The numbers of rows of one kind, in the pool and among the picked rows."""

    pool: int
    picked: int


@dataclass(frozen=True, slots=True)
class Signal:
    """The settings of a ranking by the spread of samples, and its reliability."""

    num_samples: int
    stratify: tuple[str, ...]
    max_cut_share: float
    drawn_with: Any  # None if it is not known
    rank: str
    samples_of_a_prompt: int
    split_half_reliability: float | None
    candidates: int
    near_duplicates: str
    reference_lengths: str
    at_floor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionRecord:
    """`selection.json`."""

    schema_version: int = 1
    selection_mode: str
    reward_signature: str | None
    rows_in: int
    kept: int
    dropped: Mapping[str, int]
    signal: Signal | None = None
    distributions: Mapping[str, Distribution]
    source_mix: Mapping[str, Mix]
    reference_length_mix: Mapping[str, Mix]
    rows: tuple[Mapping[str, Any], ...]  # of the picked rows: id, and each quantity

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read `selection.json`; None if the file does not exist. Errors: `UserError` if it is damaged."""
        return read_record(cls, folder / SELECTION_RECORD)

    def document(self) -> dict[str, Any]:
        """The content of the file."""
        return {name: value for name, value in to_json(self).items() if name != "signal" or value is not None}


@dataclass(frozen=True, slots=True)
class ScoredSample:
    """One response's score and text; the text is None if scores were imported."""

    score: float
    response: str | None


@dataclass(frozen=True, slots=True)
class Picked:
    """The rows that a selection mode chose, and the scores and counts behind it, by place among the examples."""

    chosen: Places
    dropped: dict[str, int]
    scored: Places = field(default_factory=lambda: np.zeros(0, np.int64))  # N, all rows with a score, if any is scored
    scores: Scores = field(default_factory=lambda: np.zeros(0))  # N, the mean if a row has several samples
    samples: Sequence[Sequence[ScoredSample]] = ()  # N
    columns: Sequence[Mapping[str, float]] = ()  # N, the score columns; empty for rows that could not be chosen
    signature: str | None = None
    scores_path: Path | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    generated_now: int = 0
    signal: Signal | None = None

    def numbers(self, places: Places) -> Places:
        """The number of each place among the scored rows; none if no row is scored."""
        order = np.argsort(self.scored)
        numbers: Places = order[np.searchsorted(self.scored, places, sorter=order)] if len(order) else order
        return numbers


def selection_record(
    mode: str, metric: str | None, examples: Sequence[Example], picked: Picked, tally: Tally
) -> tuple[SelectionRecord, Sequence[Mapping[str, Any]]]:
    """The record of a selection, and the `rows` that it lacks. `examples`: the pool's rows that have all references."""
    lengths, sources = array("q"), Counter[str]()
    for row in examples:
        lengths.append(shortest_reference(row.references))
        sources[row.source] += 1
    bins, ranges = binned(lengths)
    numbers = picked.numbers(picked.chosen)
    values = _values(metric or "", picked, lengths)
    record = SelectionRecord(
        selection_mode=mode,
        reward_signature=picked.signature,
        rows_in=tally.rows_in,
        kept=tally.kept,
        dropped=tally.dropped,
        signal=picked.signal,
        distributions={name: _distribution(of, numbers) for name, of in values.items()},
        source_mix=_mix(sources, Counter(examples[place].source for place in picked.chosen)),
        reference_length_mix=_mix(*(_counts(of, ranges) for of in (bins, bins[picked.chosen]))),
        rows=(),
    )

    of_chosen = {name: of[numbers] for name, of in values.items()}

    def shown(place: int) -> dict[str, Any]:
        found = {name: float(of[place]) for name, of in of_chosen.items()}
        known = {name: value for name, value in found.items() if not math.isnan(value)}
        return {"id": examples[picked.chosen[place]].id, **known}

    return record, Mapped(range(len(picked.chosen)), shown)


def write_selection(path: Path, record: SelectionRecord, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `selection.json`; its rows one after the other."""
    head, bracket, tail = readable_json(record.document(), indent=2).rpartition("]")
    with fresh_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(head)
        stream.writelines(indented((readable_json(row, indent=2) for row in rows), 4))
        stream.write(f"\n  {bracket}{tail}\n")


def _values(metric: str, picked: Picked, reference_tokens: Sequence[int]) -> dict[str, Scores]:
    """Name of a quantity -> its values for the scored rows, NaN for none; means if a row has several samples.

    Quantities without any value are left out.
    """
    measures = {name: array("d") for name in Measures._fields}
    for place, samples in zip(picked.scored, picked.samples, strict=True):
        measured = [
            measure_response(metric, sample.score, sample.response, reference_tokens[place])
            for sample in samples
            if sample.response is not None
        ]
        for name, of in measures.items():
            found = [value for one in measured if (value := getattr(one, name)) is not None]
            of.append(fmean(found) if found else math.nan)
    values = {"score": picked.scores, **{name: np.asarray(of) for name, of in measures.items()}}
    for column in sorted({name for by_name in picked.columns for name in by_name} - {metric}):
        values[column] = np.array([by_name.get(column, math.nan) for by_name in picked.columns])
    return {name: of for name, of in values.items() if not np.isnan(of).all()}


def _distribution(values: Scores, chosen: Places) -> Distribution:
    everything, taken = (one[~np.isnan(one)] for one in (values, values[chosen]))
    low, high = float(everything.min()), float(np.quantile(everything, 0.99))
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    counts = [np.histogram(np.minimum(one, edges[-1]), edges)[0].tolist() for one in (everything, taken)]
    return Distribution(_summary(everything), _summary(taken), tuple(edges.tolist()), *map(tuple, counts))


def _summary(values: np.ndarray[Any, np.dtype[np.float64]]) -> Summary:
    if not len(values):
        return Summary(0)
    return Summary(len(values), float(values.mean()), *map(float, np.quantile(values, [0, 0.25, 0.5, 0.75, 1])))


def _counts(bins: Places, ranges: Sequence[str]) -> dict[str, int]:
    return dict(zip(ranges, np.bincount(bins, minlength=len(ranges)).tolist(), strict=True))


def _mix(pool: Mapping[str, int], picked: Mapping[str, int]) -> dict[str, Mix]:
    return {kind: Mix(count, picked.get(kind, 0)) for kind, count in pool.items()}
