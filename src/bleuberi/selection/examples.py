"""A bounded number of a selection's examples, with texts, to be read by people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np

from bleuberi.records import Example
from bleuberi.selection.measures import Measures, measure_response, shortest_reference
from bleuberi.selection.pick import Places, Scores
from bleuberi.selection.record import Picked, ScoredSample

SELECTION_EXAMPLES: Final = "selection_examples.json"
MOST_PICKED: Final = 400
MOST_OTHERS: Final = 200
MOST_SAMPLES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """A row with its samples; the measures are means over them."""

    id: str
    source: str = ""
    picked: bool
    prompt: str
    references: tuple[str, ...]
    score: float | None
    length_ratio: float | None = None
    brevity_penalty: float | None = None
    floor_distance: float | None = None
    samples: tuple[ScoredSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionExamples:
    """`selection_examples.json`."""

    schema_version: int = 1
    reward_signature: str | None
    picked: int
    others: int
    rows: tuple[ShownRow, ...]


def selection_examples(metric: str | None, examples: Sequence[Example], picked: Picked) -> SelectionExamples:
    """Picked rows and others, each evenly spaced by score."""
    is_other = np.full(len(examples), not len(picked.scored))
    is_other[picked.scored] = True
    is_other[picked.chosen] = False
    others = np.flatnonzero(is_other)

    def shown(places: Places, most: int, is_picked: bool) -> list[ShownRow]:
        numbers = picked.numbers(places)
        kept = _spaced(picked.scores[numbers] if len(numbers) else np.zeros(len(places)), most)
        return [
            _row(metric or "", examples[places[one]], picked.samples[numbers[one]] if len(numbers) else (), is_picked)
            for one in kept
        ]

    return SelectionExamples(
        reward_signature=picked.signature,
        picked=len(picked.chosen),
        others=len(others),
        rows=(*shown(picked.chosen, MOST_PICKED, True), *shown(others, MOST_OTHERS, False)),
    )


def _spaced(scores: Scores, most: int) -> list[int]:  # N -> N or `most` places
    ordered = np.argsort(scores, kind="stable")
    if len(ordered) > most:
        ordered = ordered[np.arange(most) * (len(ordered) - 1) // (most - 1)]
    found: list[int] = ordered.tolist()
    return found


def _row(metric: str, row: Example, samples: Sequence[ScoredSample], is_picked: bool) -> ShownRow:
    tokens = shortest_reference(row.references)
    measured = [
        measure_response(metric, one.score, one.response, tokens) for one in samples if one.response is not None
    ]
    values = {
        name: fmean(found)
        for name in Measures._fields
        if (found := [value for one in measured if (value := getattr(one, name)) is not None])
    }
    return ShownRow(
        id=row.id,
        source=row.source,
        picked=is_picked,
        prompt=row.prompt,
        references=tuple(row.references),
        score=fmean(sample.score for sample in samples) if samples else None,
        samples=tuple(samples[:MOST_SAMPLES]),
        **values,
    )
