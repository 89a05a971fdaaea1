"""Where a gain sits: in how many prompts, in which by the overlap of their references, and beside how much copying."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, Final

from bleuberi.evaluation.comparison import ScoreComparison, Scores, estimate_json
from bleuberi.evaluation.measures import COPIED
from bleuberi.evaluation.models import Group
from bleuberi.records import Example
from bleuberi.rewards.text_shape import text_shapes
from bleuberi.statistics import prompt_clusters, runs_of

LARGEST: Final = 10  # prompts
_REFERENCES: Final = ":references"  # a column; no model can have this name
Halves = tuple[float, dict[str, ScoreComparison | None]]


class Gains:
    """What the groups gain over the base, prompt by prompt."""

    def __init__(
        self,
        groups: Sequence[Group],  # the base first
        scores: Scores,  # of the models
        examples: Sequence[Example],
        compare: Callable[..., ScoreComparison],  # ScoreComparison, with what is known of runs
    ) -> None:
        self._groups, self._scores, self._compare = groups, scores, compare
        self._prompts = [row.prompt for row in examples]
        self._copied = references_copied(examples)

    def references_copied(self) -> dict[str, Any] | None:
        """The references' own copied share as an estimate, beside which a model's is to be read."""
        known = [
            (value, prompt) for value, prompt in zip(self._copied, self._prompts, strict=True) if value is not None
        ]
        if not known:
            return None
        clusters = prompt_clusters([prompt for _, prompt in known])
        return estimate_json(runs_of([[value] for value, _ in known], clusters).mean([0]))

    def records(self, metric: str) -> list[dict[str, Any]]:
        """For each group but the base, where its gain over the base in the metric sits."""
        halves = self._halves(metric)
        return [self._record(metric, group, halves) for group in self._groups[1:]]

    def _record(self, metric: str, group: Group, halves: Halves | None) -> dict[str, Any]:
        base = self._groups[0]
        gains = self._by_prompt(metric, group)
        total = sum(gains)
        ordered = sorted(gains, reverse=True)
        largest, others = sum(ordered[:LARGEST]), ordered[LARGEST:-LARGEST]
        by_overlap = None
        if halves is not None:
            by_overlap = {"median": halves[0]} | {
                name: None if half is None else estimate_json(half.difference(base, group)[metric])
                for name, half in halves[1].items()
            }
        return {
            "metric": metric, "base": base.name, "other": group.name, "total": total, "prompts": len(gains),
            "top10_share": largest / total if total > 0.0 else None,
            # Without as many of the smallest, noise alone would make it lower.
            "without_extremes": fmean(others) if others else None,
            "by_overlap": by_overlap, "copying": self._copying(group),
        }  # fmt: skip

    def _copying(self, group: Group) -> dict[str, Any] | None:
        """The group's copied share, the references' own, and their difference by prompt; None without references."""
        known = [place for place, value in enumerate(self._copied) if value is not None]
        if not known or any(COPIED not in self._scores[name] for name in group.members):
            return None
        columns: dict[str, dict[str, list[float | None]]] = {
            name: {COPIED: [self._scores[name][COPIED][place] for place in known]} for name in group.members
        }
        columns[_REFERENCES] = {COPIED: [self._copied[place] for place in known]}
        pairs = [(name, _REFERENCES) for name in group.members]
        compared = self._compare(columns, [COPIED], [self._prompts[place] for place in known], pairs, groups=[group])
        return {
            "own": compared.mean(group)[COPIED].value,
            "references": compared.mean(Group(_REFERENCES, (_REFERENCES,)))[COPIED].value,
            "difference": estimate_json(compared.gain(pairs)[COPIED]),
        }

    def _by_prompt(self, metric: str, other: Group) -> list[float]:
        """The group's mean score minus the base's; prompts that one model has no score on are left out."""
        models = [*self._groups[0].members, *other.members]
        rows = [row for row in zip(*(self._scores[name][metric] for name in models), strict=True) if None not in row]
        known = [[value for value in row if value is not None] for row in rows]
        split = len(self._groups[0].members)
        return [fmean(row[split:]) - fmean(row[:split]) for row in known]

    def _halves(self, metric: str) -> Halves | None:
        """The median copied share of the references; the comparisons on the prompts above it, and on the others."""
        known = [value for value in self._copied if value is not None]
        if not known:
            return None
        middle = median(known)
        above = [place for place, value in enumerate(self._copied) if value is not None and value > middle]
        below = [place for place, value in enumerate(self._copied) if value is not None and value <= middle]
        return middle, {"above": self._on(metric, above), "below": self._on(metric, below)}

    def _on(self, metric: str, places: Sequence[int]) -> ScoreComparison | None:
        """The comparison on some prompts; None if none of them has a number of every model."""
        if all(any(by_metric[metric][place] is None for by_metric in self._scores.values()) for place in places):
            return None
        some: Mapping[str, Mapping[str, Sequence[float | None]]] = {
            name: {metric: [by_metric[metric][place] for place in places]} for name, by_metric in self._scores.items()
        }
        return self._compare(some, [metric], [self._prompts[place] for place in places])


def references_copied(examples: Sequence[Example]) -> list[float | None]:
    """Per prompt the mean copied share of its references (as `copied` is counted); None without references."""
    pairs = [(row.prompt, text) for row in examples for text in row.references]
    shares = iter(text_shapes([prompt for prompt, _ in pairs], [text for _, text in pairs]))
    return [fmean(next(shares)[1] for _ in row.references) if row.references else None for row in examples]
