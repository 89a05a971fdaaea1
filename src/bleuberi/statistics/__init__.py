"""How sure a number is: estimates, intervals, comparisons, power. Knows numbers only; knows no texts, metrics or files.

`from bleuberi.statistics import paired_difference`
"""

from __future__ import annotations

from bleuberi.statistics.bootstrap import Replicates, mean_estimate, paired_difference, resampled_means
from bleuberi.statistics.estimate import Estimate

__all__ = [
    "Estimate",
    "Replicates",
    "mean_estimate",
    "paired_difference",
    "resampled_means",
]
