"""Do not let a group's noise become advantages.

GRPO divides a group's differences by their own spread, so a difference of 0.001 counts as much as one of 0.5. If a
group's spread is below a threshold, every member gets the group's mean: all advantages are then exactly zero, and the
logged mean reward does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bleuberi.statistics.within_group import flat_value, spread


@dataclass(frozen=True, slots=True)
class RewardGate:
    """Decides for each group whether its rewards are replaced by their mean. If not `active`, it only counts such
    groups."""

    active: bool
    spread: float
    floor_share: float
    rewards: int = 1  # how many are added up; their flat values then stand on one grid

    def is_low(self, scores: Sequence[float | None], floors: Sequence[float]) -> bool | None:  # G, G
        """Whether the group's spread is 0 or below the thresholds; None if no completion has a score.

        A single score has no spread: the trainer gives it no advantage either.
        """
        if all(score is None for score in scores):
            return None
        found = spread(scores)
        return found == 0 or found < max(self.spread, self.floor_share * fmean(floors))

    def hand_over(self, scores: Sequence[float | None], is_low: bool | None) -> list[float | None]:  # G -> G
        """The scores to pass to the trainer: unchanged, or all replaced by their mean if `is_low` and the gate is
        active. None stays None."""
        if not (self.active and is_low):
            return list(scores)
        numbers = [score for score in scores if score is not None]
        flat = flat_value(numbers, len(scores), float(self.rewards) if self.rewards > 1 else 0.0)
        return [None if score is None else flat for score in scores]
