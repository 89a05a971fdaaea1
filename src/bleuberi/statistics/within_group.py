"""Statistics of a group of completions of one prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from bleuberi.statistics.correlation import spearman

FLOAT32_BITS = 24  # mantissa bits of a float32, including the hidden one


def spread(values: Sequence[float | None]) -> float:
    """The sample standard deviation (GRPO's divisor), ignoring None; 0 for fewer than two numbers."""
    numbers = [value for value in values if value is not None]
    return stdev(numbers) if len(numbers) > 1 else 0.0


def rank_correlation(first: Sequence[float | None], second: Sequence[float]) -> float | None:
    """Spearman's rho over the pairs without None; None if either side does not vary."""
    pairs = [(one, two) for one, two in zip(first, second, strict=True) if one is not None]
    if len({one for one, _ in pairs}) < 2 or len({two for _, two in pairs}) < 2:
        return None
    return float(spearman([one for one, _ in pairs], [two for _, two in pairs])[0])


def flat_value(values: Sequence[float], copies: int, least_scale: float = 0.0) -> float:
    """The mean, rounded so that up to `copies` of it can be summed in float32 without error, in any order.

    The float32 mean of equal values is not always that value, and a trainer that divides the difference by a spread
    near 0 would turn it into an advantage. The rounding moves the mean by less than one part in
    2 ** (23 - log2(copies)): a millionth for 8. `least_scale`: the largest sum that includes the value together with
    others; all of them must be rounded to the same grid.
    """
    mean = fmean(values)
    scale = max(abs(mean), least_scale)
    if not scale:
        return 0.0
    unit = math.ldexp(1.0, math.frexp(scale)[1] - FLOAT32_BITS + math.ceil(math.log2(max(1, copies))))
    return round(mean / unit) * unit
