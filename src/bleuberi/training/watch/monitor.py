"""Numbers that show a reward being gamed, from what a reward is handed. Knows texts and scores; warns of nothing.

They go to the trainer's own metrics, which averages them over processes and steps and writes them wherever it logs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from bleuberi.rewards.bleu_parts import BleuParts
from bleuberi.statistics.within_group import rank_correlation

LogMetric = Callable[[str, float], None]


class Row(NamedTuple):
    """What the gate and the monitor want to know of one completion."""

    score: float | None
    floor: float
    tokens: int
    copied: float


@dataclass(frozen=True, slots=True)
class RewardMonitor:
    """Logs what one reward gives, and one of several what the completions look like."""

    end_ids: Collection[int]
    logs_texts: bool = True  # of several rewards that see the same completions, one

    def log_completions(
        self,
        shapes: Sequence[tuple[float, float]],  # N: repeated, copied share
        completion_ids: Sequence[Sequence[int]],  # N
        log_metric: LogMetric,
    ) -> None:
        """What the completions look like: means over this process's, of which each process has as many."""
        if self.logs_texts and completion_ids:
            log_metric("monitor/repeated_share", fmean(repeated for repeated, _ in shapes))
            log_metric("monitor/copied_share", fmean(copied for _, copied in shapes))
            ended = [bool(ids) and ids[-1] in self.end_ids for ids in completion_ids]
            log_metric("monitor/eos_share", fmean(ended))

    @staticmethod
    def log_groups(name: str, groups: Sequence[Sequence[Row]], log_metric: LogMetric) -> None:
        """What the reward pays for: rank correlations within groups, one value a group, so that all count alike."""
        for group in groups:
            scores = [row.score for row in group]
            for sign, values in (("length", [row.tokens for row in group]), ("copy", [row.copied for row in group])):
                found = rank_correlation(scores, values)
                if found is not None:
                    log_metric(f"rewards/{name}/{sign}_correlation", found)

    @staticmethod
    def log_parts(name: str, parts: Sequence[BleuParts | None], log_metric: LogMetric) -> None:
        """The means of BLEU's parts, over the completions that have them."""
        known = [part for part in parts if part is not None]
        if known:
            for order, values in enumerate(zip(*(part.precisions for part in known), strict=True), start=1):
                log_metric(f"{name}/precision_{order}", fmean(values))
            log_metric(f"{name}/brevity_penalty", fmean(part.brevity_penalty for part in known))
            log_metric(f"{name}/smoothing_share", fmean(part.smoothing_share for part in known))
