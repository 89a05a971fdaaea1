"""Compute metrics that reveal a gamed reward, from the texts and scores of one reward call.

They are added to the trainer's own metrics, which it averages over processes and steps and writes with each log entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from bleuberi.rewards.bleu_parts import BleuParts
from bleuberi.rewards.text_shape import distinct_share
from bleuberi.statistics.within_group import rank_correlation

LogMetric = Callable[[str, float], None]


class Row(NamedTuple):
    """The facts about one completion that the gate and the monitor use."""

    score: float | None
    floor: float
    tokens: int
    copied: float
    words: list[str]  # 13a tokens in lower case; empty if another reward logs what the texts look like


@dataclass(frozen=True, slots=True)
class RewardMonitor:
    """Log statistics of one reward; of several monitors, the one with `logs_texts` also logs the completions."""

    end_ids: Collection[int]
    logs_texts: bool = True  # of several rewards that see the same completions, one

    def log_completions(
        self,
        shapes: Sequence[tuple[float, float]],  # N: repeated, copied share
        of_references: Sequence[float | None],  # N: copied share
        completion_ids: Sequence[Sequence[int]],  # N
        log_metric: LogMetric,
    ) -> None:
        """Log shares of repetition, copying and ended completions: means over this process. All processes have equally
        many completions."""
        if self.logs_texts and completion_ids:
            log_metric("monitor/repeated_share", fmean(repeated for repeated, _ in shapes))
            log_metric("monitor/copied_share", fmean(copied for _, copied in shapes))
            known = [share for share in of_references if share is not None]
            if known:
                log_metric("monitor/reference_copied_share", fmean(known))
            ended = [bool(ids) and ids[-1] in self.end_ids for ids in completion_ids]
            log_metric("monitor/eos_share", fmean(ended))

    def log_groups(self, name: str, groups: Sequence[Sequence[Row]], log_metric: LogMetric) -> None:
        """Log how the reward correlates with length and copying within each group: one value per group, so all groups
        count equally.

        Also log how much a group's completions differ: the share of distinct 4-grams.
        """
        for group in groups:
            distinct = distinct_share([row.words for row in group]) if self.logs_texts else None
            if distinct is not None:
                log_metric("monitor/distinct_share", distinct)
            scores = [row.score for row in group]
            for sign, values in (("length", [row.tokens for row in group]), ("copy", [row.copied for row in group])):
                found = rank_correlation(scores, values)
                if found is not None:
                    log_metric(f"rewards/{name}/{sign}_correlation", found)

    @staticmethod
    def log_parts(name: str, parts: Sequence[BleuParts | None], log_metric: LogMetric) -> None:
        """Log the means of BLEU's parts, over the completions that have them."""
        known = [part for part in parts if part is not None]
        if known:
            for order, values in enumerate(zip(*(part.precisions for part in known), strict=True), start=1):
                log_metric(f"{name}/precision_{order}", fmean(values))
            log_metric(f"{name}/brevity_penalty", fmean(part.brevity_penalty for part in known))
            log_metric(f"{name}/smoothing_share", fmean(part.smoothing_share for part in known))
