"""Keep a group's noise from becoming advantages.

GRPO divides a group's differences by their own spread, so a difference of 0.001 counts as much as one of 0.5. A group
that spreads less than a threshold gets its mean for every member: its advantages are exactly zero, and the mean reward
that is logged stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from bleuberi.errors import UserError
from bleuberi.statistics.within_group import flat_value, spread


@dataclass
class GateConfig:
    """The gate's fields of a run; `docs/monitor.md` argues the defaults."""

    low_signal_gate: bool = field(
        default=False,
        metadata={"help": "GRPO: give a group whose rewards hardly differ its mean, so that it has no advantages"},
    )
    low_signal_spread: float = field(
        default=0.001, metadata={"help": "GRPO: standard deviation in the reward's own units below which that is done"}
    )
    low_signal_floor_share: float = field(
        default=0.1, metadata={"help": "GRPO: the same as a share of what BLEU's smoothing gives for nothing"}
    )

    def __post_init__(self) -> None:
        for name in ("low_signal_spread", "low_signal_floor_share"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"{name} is {value}.", "Give a number of at least 0; 0 switches this threshold off.")
        if self.low_signal_floor_share > 1:
            raise UserError(
                f"low_signal_floor_share is {self.low_signal_floor_share}.", "Give a share from 0 to 1, e.g. 0.1."
            )


@dataclass(frozen=True, slots=True)
class RewardGate:
    """Decides by group. One that is not `active` only counts."""

    active: bool
    spread: float
    floor_share: float
    rewards: int = 1  # how many are added up; their flat values then stand on one grid

    def is_low(self, scores: Sequence[float | None], floors: Sequence[float]) -> bool | None:  # G, G
        """Whether the group spreads less than the thresholds, or not at all; None where it has no score at all.

        A score alone has no spread: the trainer gives it no advantage either.
        """
        if all(score is None for score in scores):
            return None
        found = spread(scores)
        return found == 0 or found < max(self.spread, self.floor_share * fmean(floors))

    def hand_over(self, scores: Sequence[float | None], is_low: bool | None) -> list[float | None]:  # G -> G
        """What the trainer gets: the scores, or their mean where they say little. What has no score keeps none."""
        if not (self.active and is_low):
            return list(scores)
        numbers = [score for score in scores if score is not None]
        flat = flat_value(numbers, len(scores), float(self.rewards) if self.rewards > 1 else 0.0)
        return [None if score is None else flat for score in scores]
