"""A bounded number of a selection's examples with their texts, for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, Final

from bleuberi.records import Example
from bleuberi.selection.measures import Measures, measure_response, shortest_reference
from bleuberi.selection.record import Picked

SELECTION_EXAMPLES: Final = "selection_examples.json"
MOST_PICKED: Final = 400
MOST_OTHERS: Final = 200
MOST_SAMPLES: Final = 4


def selection_examples(metric: str | None, examples: Sequence[Example], picked: Picked) -> dict[str, Any]:
    """The content of `selection_examples.json`: picked rows and others, each evenly spaced by score."""
    scores = picked.mean_scores
    chosen = {row.id for row in picked.chosen}
    others = [row for row in examples if row.id not in chosen and (not scores or row.id in scores)]
    shown = _spaced(picked.chosen, scores, MOST_PICKED), _spaced(others, scores, MOST_OTHERS)
    return {
        "schema_version": 1,
        "reward_signature": picked.signature,
        "picked": len(chosen),
        "others": len(others),
        "rows": [_row(metric or "", row, picked, row.id in chosen) for rows in shown for row in rows],
    }


def _spaced(rows: Sequence[Example], scores: dict[str, float], most: int) -> list[Example]:
    ordered = sorted(rows, key=lambda row: scores.get(row.id, 0.0))
    if len(ordered) <= most:
        return ordered
    return [ordered[place * (len(ordered) - 1) // (most - 1)] for place in range(most)]


def _row(metric: str, row: Example, picked: Picked, is_picked: bool) -> dict[str, Any]:
    samples = picked.samples_by_id.get(row.id, ())
    tokens = shortest_reference(row.references)
    measured = [
        measure_response(metric, one.score, one.response, tokens) for one in samples if one.response is not None
    ]
    values = {
        name: fmean(found)
        for name in Measures._fields
        if (found := [value for one in measured if (value := getattr(one, name)) is not None])
    }
    return {
        "id": row.id,
        "source": row.source,
        "picked": is_picked,
        "prompt": row.prompt,
        "references": row.references,
        "score": fmean(sample.score for sample in samples) if samples else None,
        **values,
        "samples": [{"score": sample.score, "response": sample.response} for sample in samples[:MOST_SAMPLES]],
    }
