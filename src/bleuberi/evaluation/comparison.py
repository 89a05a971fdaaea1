"""Groups of models compared on the same prompts: every difference is paired by prompt and covers other runs too.

A prompt for which one model's response has no score is left out of that metric for all models. Prompts that differ by
white space or case alone are one observation.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from bleuberi.errors import UserError
from bleuberi.evaluation.models import Group
from bleuberi.statistics import (
    Difference,
    Estimate,
    RunSpread,
    pooled_run_spread,
    prompt_clusters,
    runs_of,
)

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]  # by column (a model or a control) and metric: N
Pairs = Sequence[tuple[str, str]]  # a run, and the column that its control is in


class ScoreComparison:
    """The means of every model and metric, and their differences."""

    def __init__(
        self,
        scores: Scores,
        metrics: Sequence[str],
        prompts: Sequence[str],  # N
        pairs: Pairs = (),
        *,
        groups: Sequence[Group] = (),
        untrained: Collection[str] = (),
        run_spread: Mapping[str, float] | None = None,
    ) -> None:
        """`pairs`: those that `gain` may be asked for. `untrained`: groups without a training run, so that no
        other run would change them.

        `run_spread`: by metric, the standard deviation between runs that is assumed for a group with a single run;
        without it that of the `groups` with several runs is taken. Errors: `UserError`, a metric without a number.
        """
        self.metrics = list(metrics)
        self.unscored: dict[str, int] = {}
        self._untrained = frozenset(untrained)
        self._place = {name: place for place, name in enumerate(scores)}
        self._gain = {pair: len(scores) + place for place, pair in enumerate(pairs)}
        clusters = np.asarray(prompt_clusters(prompts), dtype=object)
        self._tables = {}
        for metric in metrics:
            values = np.column_stack([_numbers(by_metric[metric]) for by_metric in scores.values()])
            missing = np.isnan(values).any(axis=1)
            self.unscored[metric] = int(missing.sum())
            if missing.all():
                raise UserError(
                    f"{metric} has no number for any prompt.", "Look at the references, or choose other --metrics."
                )
            differences = [values[:, self._place[name]] - values[:, self._place[control]] for name, control in pairs]
            kept = np.column_stack([values, *differences])[~missing]
            self._tables[metric] = runs_of(kept, list(clusters[~missing]))
        several = [group for group in groups if len(group.members) > 1 and group.name not in self._untrained]
        self._spread = {metric: self._run_spread(metric, several, run_spread or {}) for metric in metrics}

    def mean(self, group: Group) -> dict[str, Estimate]:
        """By metric."""
        return {metric: table.mean(self._columns(group)) for metric, table in self._tables.items()}

    def difference(self, base: Group, other: Group, sizes: Mapping[str, float] | None = None) -> dict[str, Difference]:
        """By metric, `other - base`. `sizes`: by metric, the level of the smallest visible difference (0.05)."""
        return {
            metric: table.difference(
                self._columns(base),
                self._columns(other),
                trained=(base.name not in self._untrained, other.name not in self._untrained),
                run_spread=self._spread[metric],
                size=(sizes or {}).get(metric, 0.05),
            )
            for metric, table in self._tables.items()
        }

    def gain(self, pairs: Pairs) -> dict[str, Difference]:
        """By metric, each run minus its own control, and then over the runs."""
        columns = [self._gain[pair] for pair in pairs]
        return {metric: table.gain(columns, self._spread[metric]) for metric, table in self._tables.items()}

    def _columns(self, group: Group) -> list[int]:
        return [self._place[name] for name in group.members]

    def _run_spread(self, metric: str, several: Sequence[Group], stated: Mapping[str, float]) -> RunSpread | None:
        if metric in stated:
            return RunSpread(stated[metric])
        table = self._tables[metric]
        return pooled_run_spread([(table.run_variance(self._columns(group)), len(group.members)) for group in several])


def comparisons(
    compared: ScoreComparison,
    groups: Sequence[Group],
    sizes: Mapping[frozenset[str], Mapping[str, float]] | None = None,
) -> list[dict[str, Any]]:
    """Every two groups, the earlier one as the base. `sizes`: by pair of groups, what `difference` takes."""
    return [
        {
            "base": base.name,
            "other": other.name,
            "difference": to_json(
                compared.difference(base, other, (sizes or {}).get(frozenset((base.name, other.name))))
            ),
        }
        for base, other in combinations(groups, 2)
    ]


def to_json(estimates: Mapping[str, Estimate] | Mapping[str, Difference]) -> dict[str, dict[str, Any]]:
    """Estimates as strict JSON has them: no infinities."""
    return {name: estimate_json(estimate) for name, estimate in estimates.items()}


def estimate_json(estimate: Estimate | Difference) -> dict[str, Any]:
    """An estimate; bounds are null if nothing is known of the spread."""
    values = asdict(estimate)
    return {name: None if isinstance(value, float) and math.isinf(value) else value for name, value in values.items()}


def turned(estimate: Mapping[str, Any]) -> dict[str, Any]:
    """The difference with base and other swapped."""
    low, high = (None if estimate[bound] is None else -estimate[bound] for bound in ("high", "low"))
    swapped = {**estimate, "value": -estimate["value"], "low": low, "high": high}
    return swapped | ({"runs": list(estimate["runs"])[::-1]} if "runs" in estimate else {})


def _numbers(values: Sequence[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
