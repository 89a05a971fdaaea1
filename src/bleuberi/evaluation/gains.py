"""Describe a gain: how many prompts it comes from, how it depends on the references' overlap with the prompt, and how
much is copied."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Final

import numpy as np

from bleuberi.evaluation.comparison import IntArray, ScoreComparison, Scores
from bleuberi.evaluation.measures import COPIED
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.number_file import FloatArray, numbers
from bleuberi.evaluation.record import Copying, Gain, Halves
from bleuberi.records import Example
from bleuberi.rewards.text_shape import text_shapes
from bleuberi.statistics import Estimate, prompt_codes, runs_of

LARGEST: Final = 10  # prompts
_REFERENCES: Final = ":references"  # a column; no model can have this name
_ROWS_AT_ONCE: Final = 4096
Split = tuple[float, ScoreComparison | None, ScoreComparison | None]  # the median; above it, and not


class Gains:
    """The groups' gains over the base, by prompt."""

    def __init__(
        self,
        groups: Sequence[Group],  # the base first
        scores: Scores,  # of the models
        examples: Sequence[Example],
        compare: Callable[..., ScoreComparison],  # ScoreComparison, with what is known of runs
    ) -> None:
        self._groups, self._scores, self._compare = groups, scores, compare
        self._prompts = prompt_codes(row.prompt for row in examples)
        self._copied = references_copied(examples)
        self._known: IntArray = np.flatnonzero(~np.isnan(self._copied))

    def references_copied(self) -> Estimate | None:
        """The references' own copied share, with which a model's share is compared; None without references."""
        if not len(self._known):
            return None
        return runs_of(self._copied[self._known, None], self._prompts[self._known]).mean([0])

    def records(self, metric: str) -> tuple[Gain, ...]:
        """For each group except the base, how its gain in the metric is distributed over the prompts."""
        halves = self._halves(metric)
        return tuple(self._record(metric, group, halves) for group in self._groups[1:])

    def _record(self, metric: str, group: Group, halves: Split | None) -> Gain:
        base = self._groups[0]
        gains = self._by_prompt(metric, group)
        total = sum(gains)
        ordered = np.sort(np.frombuffer(gains))[::-1] if gains else np.zeros(0)
        largest, others = sum(ordered[:LARGEST].tolist()), ordered[LARGEST:-LARGEST]
        by_overlap = None
        if halves is not None:
            middle, *sides = halves
            above, below = (None if one is None else one.difference(base, group)[metric] for one in sides)
            by_overlap = Halves(middle, above, below)
        return Gain(
            metric=metric, base=base.name, other=group.name, total=total, prompts=len(gains),
            top10_share=largest / total if total > 0.0 else None,
            # Without as many of the smallest, noise alone would make it lower.
            without_extremes=fmean(others.data) if len(others) else None,
            by_overlap=by_overlap, copying=self._copying(group),
        )  # fmt: skip

    def _copying(self, group: Group) -> Copying | None:
        """The group's copied share, the references' own, and their difference by prompt; None without references."""
        known = self._known
        if not len(known) or any(COPIED not in self._scores[name] for name in group.members):
            return None
        columns = {name: {COPIED: numbers(self._scores[name][COPIED])[known]} for name in group.members}
        columns[_REFERENCES] = {COPIED: self._copied[known]}
        pairs = [(name, _REFERENCES) for name in group.members]
        compared = self._compare(columns, [COPIED], self._prompts[known], pairs, groups=[group])
        references = compared.mean(Group(_REFERENCES, (_REFERENCES,)))
        return Copying(compared.mean(group)[COPIED].value, references[COPIED].value, compared.gain(pairs)[COPIED])

    def _by_prompt(self, metric: str, other: Group) -> array[float]:
        """The group's mean score minus the base's, by prompt; prompts that any of the models has no score on are left
        out."""
        models = [*self._groups[0].members, *other.members]
        rows = zip(*(self._scores[name][metric] for name in models), strict=True)
        known = ([value for value in row if value is not None] for row in rows if None not in row)
        split = len(self._groups[0].members)
        return array("d", (fmean(row[split:]) - fmean(row[:split]) for row in known))

    def _halves(self, metric: str) -> Split | None:
        """The median copied share of the references; the comparisons on the prompts above it, and on the others."""
        if not len(self._known):
            return None
        middle = _median(self._copied[self._known])
        above, below = np.flatnonzero(self._copied > middle), np.flatnonzero(self._copied <= middle)
        return middle, self._on(metric, above), self._on(metric, below)

    def _on(self, metric: str, places: IntArray) -> ScoreComparison | None:
        """The comparison on some prompts; None if none of them has a number of every model."""
        some: Mapping[str, Mapping[str, FloatArray]] = {
            name: {metric: numbers(by_metric[metric])[places]} for name, by_metric in self._scores.items()
        }
        missing = np.zeros(len(places), dtype=np.bool_)
        for by_metric in some.values():
            missing |= np.isnan(by_metric[metric])
        return None if missing.all() else self._compare(some, [metric], self._prompts[places])


def _median(values: FloatArray) -> float:
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def references_copied(examples: Sequence[Example]) -> FloatArray:
    """Per prompt the mean copied share of its references (as `copied` is counted); NaN without references."""
    copied = array("d")
    for start in range(0, len(examples), _ROWS_AT_ONCE):
        part = examples[start : start + _ROWS_AT_ONCE]
        pairs = [(row.prompt, text) for row in part for text in row.references]
        shares = iter(text_shapes([prompt for prompt, _ in pairs], [text for _, text in pairs]))
        copied.extend(fmean(next(shares)[1] for _ in row.references) if row.references else math.nan for row in part)
    return np.array(copied)
