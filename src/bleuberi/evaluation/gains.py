"""Where a gain sits: in how many prompts, and in which, by the overlap of their references with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any, Final

from bleuberi.evaluation.comparison import ScoreComparison, estimate_json
from bleuberi.evaluation.measures import COPIED
from bleuberi.evaluation.models import Group
from bleuberi.records import Example
from bleuberi.rewards.text_shape import text_shapes
from bleuberi.statistics import mean_estimate

LARGEST: Final = 10  # prompts
Column = Mapping[str, Sequence[float | None]]  # by model: N, of one metric


def references_copied(examples: Sequence[Example]) -> list[float | None]:
    """Per prompt the mean copied share of its references (as `copied` is counted); None without references."""
    pairs = [(row.prompt, text) for row in examples for text in row.references]
    shares = iter(text_shapes([prompt for prompt, _ in pairs], [text for _, text in pairs]))
    return [fmean(next(shares)[1] for _ in row.references) if row.references else None for row in examples]


def copied_record(copied: Sequence[float | None], prompts: Sequence[str]) -> dict[str, Any]:
    """The references' own copied share, beside which a model's is to be read; null without references."""
    known = [(value, prompt) for value, prompt in zip(copied, prompts, strict=True) if value is not None]
    if not known:
        return {"metric": COPIED, "references": None}
    values, clusters = zip(*known, strict=True)
    return {"metric": COPIED, "references": estimate_json(mean_estimate(values, clusters))}


def gain_records(
    metric: str, groups: Sequence[Group], scores: Column, prompts: Sequence[str], copied: Sequence[float | None]
) -> list[dict[str, Any]]:
    """For each group but the base, where its gain over the base in the metric sits."""
    base = groups[0]
    halves = _halves(metric, scores, prompts, copied)
    found = []
    for group in groups[1:]:
        gains = _gains(base, group, scores)
        total = sum(gains)
        largest = sum(sorted(gains, reverse=True)[:LARGEST])
        found.append(
            {
                "metric": metric, "base": base.name, "other": group.name, "total": total, "prompts": len(gains),
                "top10_share": largest / total if total > 0.0 else None,
                "by_overlap": None if halves is None else {
                    "median": halves[0],
                    **{name: _difference(half, metric, base, group) for name, half in halves[1].items()},
                },
            }
        )  # fmt: skip
    return found


def _gains(base: Group, other: Group, scores: Column) -> list[float]:
    """Per prompt the group's mean score minus the base's; prompts that one model has no score on are left out."""
    models = [*base.members, *other.members]
    rows = [row for row in zip(*(scores[name] for name in models), strict=True) if None not in row]
    known = [[value for value in row if value is not None] for row in rows]
    split = len(base.members)
    return [fmean(row[split:]) - fmean(row[:split]) for row in known]


def _halves(
    metric: str, scores: Column, prompts: Sequence[str], copied: Sequence[float | None]
) -> tuple[float, dict[str, ScoreComparison | None]] | None:
    """The median copied share of the references, and the comparisons on the prompts above it and on the others."""
    known = [value for value in copied if value is not None]
    if not known:
        return None
    middle = median(known)
    above = [value is not None and value > middle for value in copied]
    below = [value is not None and value <= middle for value in copied]
    return middle, {
        name: _comparison(metric, scores, prompts, kept) for name, kept in (("above", above), ("below", below))
    }


def _comparison(metric: str, scores: Column, prompts: Sequence[str], kept: Sequence[bool]) -> ScoreComparison | None:
    """None if no prompt has a number of every model."""
    places = [place for place, inside in enumerate(kept) if inside]
    if all(any(values[place] is None for values in scores.values()) for place in places):
        return None
    half = {name: {metric: [values[place] for place in places]} for name, values in scores.items()}
    return ScoreComparison(half, [metric], [prompts[place] for place in places])


def _difference(half: ScoreComparison | None, metric: str, base: Group, other: Group) -> dict[str, Any] | None:
    return None if half is None else estimate_json(half.difference(base, other)[metric])
