"""Groups of models compared on the same prompts, every difference with its interval. Knows scores; knows no texts.

All columns share their resamples, so each difference is a paired one. A prompt that one model's answer cannot be scored
on is left out of that metric for all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from bleuberi.errors import UserError
from bleuberi.evaluation.models import Group
from bleuberi.statistics import Estimate, Replicates, group_difference, group_mean, resampled_means

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]  # by column (a model or a control) and metric: N
Pairs = Sequence[tuple[str, str]]  # a run, and the column that its control is in


class ScoreComparison:
    """The means of every model and metric over shared resamples of prompts."""

    def __init__(self, scores: Scores, metrics: Sequence[str], clusters: Sequence[str], pairs: Pairs = ()) -> None:
        """`clusters`: a prompt that stands twice is one observation. `pairs`: those that `gain` may be asked for.

        Errors: `UserError` for a metric without a number.
        """
        self.metrics = list(metrics)
        self.unscored: dict[str, int] = {}
        columns: list[np.ndarray[Any, np.dtype[np.float64]]] = []
        self._place: dict[tuple[str, str], int] = {}
        self._gains: dict[tuple[str, str, str], int] = {}
        for metric in metrics:
            values = {name: _numbers(by_metric[metric]) for name, by_metric in scores.items()}
            missing = np.isnan(np.column_stack(list(values.values()))).any(axis=1)
            self.unscored[metric] = int(missing.sum())
            if missing.all():
                raise UserError(
                    f"{metric} has no number for any prompt.", "Look at the references, or choose other --metrics."
                )
            for name, column in values.items():
                self._place[name, metric] = len(columns)
                columns.append(np.where(missing, np.nan, column))
            for name, control in pairs:
                self._gains[name, control, metric] = len(columns)
                columns.append(np.where(missing, np.nan, values[name] - values[control]))
        self._means: Replicates = resampled_means(np.column_stack(columns), clusters)

    def mean(self, group: Group) -> dict[str, Estimate]:
        """By metric."""
        return {metric: group_mean(self._means, self._columns(group, metric)) for metric in self.metrics}

    def difference(self, base: Group, other: Group) -> dict[str, Estimate]:
        """By metric, `other - base`."""
        return {
            metric: group_difference(self._means, self._columns(base, metric), self._columns(other, metric))
            for metric in self.metrics
        }

    def gain(self, pairs: Pairs) -> dict[str, Estimate]:
        """By metric, each run minus its own control, and then over the runs."""
        return {
            metric: group_mean(self._means, [self._gains[name, control, metric] for name, control in pairs])
            for metric in self.metrics
        }

    def _columns(self, group: Group, metric: str) -> list[int]:
        return [self._place[name, metric] for name in group.members]


def comparisons(compared: ScoreComparison, groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Every two groups, the earlier one as the base."""
    return [
        {"base": base.name, "other": other.name, "difference": to_json(compared.difference(base, other))}
        for base, other in combinations(groups, 2)
    ]


def to_json(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    """Estimates as strict JSON has them: no infinities."""
    return {name: estimate_json(estimate) for name, estimate in estimates.items()}


def estimate_json(estimate: Estimate) -> dict[str, Any]:
    """An estimate; bounds are null where nothing is known of the spread."""
    values = asdict(estimate)
    return {name: None if isinstance(value, float) and math.isinf(value) else value for name, value in values.items()}


def _numbers(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
