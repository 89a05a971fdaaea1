"""Track how a noisy metric changes over a run: start, best and latest values, and how much of a change is noise."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

SURE: Final = 5.25
"""Standard deviations that a change has to exceed. Of runs of 250 steps with nothing but noise, under 1 % do."""


@dataclass(slots=True)
class Trend:
    """The values of one metric, smoothed by a mean over the last `window` values."""

    window: int
    best: float = -math.inf  # the highest smoothed value
    best_step: int = 0  # the middle of the window that has it
    _first: list[float] = field(default_factory=list)
    _last: deque[tuple[int, float]] = field(default_factory=deque)
    _count: int = 0
    _squared_changes: float = 0.0

    def add(self, step: int, value: float) -> None:
        """Add the value that was logged after `step`."""
        if self._last:
            self._squared_changes += (value - self._last[-1][1]) ** 2
        if len(self._first) < self.window:
            self._first.append(value)
        self._last.append((step, value))
        if len(self._last) > self.window:
            self._last.popleft()
        self._count += 1
        if self.has_window and self.now > self.best:
            self.best, self.best_step = self.now, self._last[self.window // 2][0]

    @property
    def has_window(self) -> bool:
        return len(self._last) == self.window

    @property
    def can_be_judged(self) -> bool:
        """Whether enough values for two windows without a common value were added."""
        return self._count >= 2 * self.window

    @property
    def start(self) -> float:
        """The mean of the first window."""
        return fmean(self._first)

    @property
    def now(self) -> float:
        """The mean of the last window."""
        return fmean(value for _, value in self._last)

    def is_sure(self, change: float) -> bool:
        """Whether a difference between two smoothed values is more than noise.

        The noise is estimated from neighbouring values: the mean square of their difference is twice the variance of a
        value, also in a metric that rises slowly. The difference of two means over a window then varies by that mean
        square over the window's length.
        """
        return change > SURE * math.sqrt(self._squared_changes / (self._count - 1) / self.window)
