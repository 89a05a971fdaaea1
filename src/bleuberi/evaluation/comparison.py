"""Compare groups of models on the same prompts: every difference is paired by prompt and accounts for other training
runs.

If one model's response to a prompt has no score in a metric, the prompt is left out of that metric for all models.
Prompts that differ only in white space or case are one observation.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bleuberi.errors import UserError
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.number_file import FloatArray, NumberFile, numbers
from bleuberi.evaluation.record import Compared
from bleuberi.statistics import (
    Difference,
    Estimate,
    RunSpread,
    RunTable,
    pooled_run_spread,
    prompt_codes,
    runs_of,
)

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]  # by column (a model or a control) and metric: N
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Pairs = Sequence[tuple[str, str]]  # a run, and the column that its control is in


class ScoreComparison:
    """The means of every model and metric, and their differences."""

    def __init__(
        self,
        scores: Scores,
        metrics: Sequence[str],
        prompts: Sequence[str] | IntArray,  # N, texts or their `prompt_codes`
        pairs: Pairs = (),
        *,
        groups: Sequence[Group] = (),
        untrained: Collection[str] = (),
        run_spread: Mapping[str, float] | None = None,
        shares: Collection[str] = (),
    ) -> None:
        """`pairs`: the pairs that `gain` can compare. `untrained`: groups without a training run, so that no other run
        would change them.

        `run_spread`: the assumed standard deviation between runs, by metric, for a group with a single run; without it,
        that of the `groups` with several runs is used. `shares`: metrics from 0 to 1, whose intervals stay within that
        range. Errors: `UserError` for a metric without any number.
        """
        self.metrics = list(metrics)
        self.unscored: dict[str, int] = {}
        self._untrained = frozenset(untrained)
        self._place = {name: place for place, name in enumerate(scores)}
        self._gain = {pair: len(scores) + place for place, pair in enumerate(pairs)}
        clusters = prompts if isinstance(prompts, np.ndarray) else prompt_codes(prompts)
        self._tables = _Tables()
        for metric in metrics:
            values, kept = self._matrix([numbers(by_metric[metric]) for by_metric in scores.values()], pairs)
            self.unscored[metric] = int((~kept).sum())
            if not len(values):
                raise UserError(
                    f"{metric} has no score for any prompt.", "Check the references, or choose other --metrics."
                )
            limits = (0.0, 1.0) if metric in shares else (-math.inf, math.inf)
            self._tables.add(metric, runs_of(values, clusters[kept], limits=limits))
        several = [group for group in groups if len(group.members) > 1 and group.name not in self._untrained]
        self._spread = {metric: self._run_spread(metric, several, run_spread or {}) for metric in metrics}

    def mean(self, group: Group) -> dict[str, Estimate]:
        """The group's mean by metric."""
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
        """By metric, the mean over runs of each run minus its own control."""
        columns = [self._gain[pair] for pair in pairs]
        return {metric: table.gain(columns, self._spread[metric]) for metric, table in self._tables.items()}

    def _matrix(self, columns: Sequence[FloatArray], pairs: Pairs) -> tuple[FloatArray, BoolArray]:
        """The columns and the differences of the pairs, on the rows that every column has a number in; and whether a
        row is one of these."""
        kept = np.ones(len(columns[0]), dtype=np.bool_)
        for column in columns:
            kept &= ~np.isnan(column)
        values = np.empty((int(kept.sum()), len(columns) + len(pairs)))
        for place, column in enumerate(columns):
            values[:, place] = column[kept]
        for place, (name, control) in enumerate(pairs, len(columns)):
            values[:, place] = values[:, self._place[name]] - values[:, self._place[control]]
        return values, kept

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
) -> tuple[Compared, ...]:
    """The differences of every two groups, with the earlier one as the base. `sizes`: by pair of groups, the `sizes` of
    `difference`."""
    return tuple(
        Compared(
            base.name,
            other.name,
            compared.difference(base, other, (sizes or {}).get(frozenset((base.name, other.name)))),
        )
        for base, other in combinations(groups, 2)
    )


class _Tables(Mapping[str, RunTable]):
    """Run tables by metric. What they say of each prompt is in a temporary file, and read at each access."""

    def __init__(self) -> None:
        self._file = NumberFile()
        self._kept: dict[str, tuple[RunTable, int, int]] = {}

    def add(self, metric: str, table: RunTable) -> None:
        place, rows = self._file.reserve(table.influences.size + table.shares.size), table.n_clusters
        self._file.write(place, table.influences)
        self._file.write(place + table.influences.size, table.shares)
        self._kept[metric] = replace(table, influences=np.empty((0, 0)), shares=np.empty(0)), place, rows

    def __getitem__(self, metric: str) -> RunTable:
        table, place, rows = self._kept[metric]
        size = rows * len(table.means)
        influences = self._file.read(place, size).reshape(rows, -1)
        return replace(table, influences=influences, shares=self._file.read(place + size, rows))

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)
