"""What a group of completions of one prompt tells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from bleuberi.statistics.correlation import spearman

FLOAT32_BITS = 24  # of a float32's mantissa, the hidden one counted


def spread(values: Sequence[float | None]) -> float:
    """The sample standard deviation of the numbers among the values: what GRPO divides by. 0 for fewer than two."""
    numbers = [value for value in values if value is not None]
    return stdev(numbers) if len(numbers) > 1 else 0.0


def rank_correlation(first: Sequence[float | None], second: Sequence[float]) -> float | None:
    """Spearman's rho where both have a number; None where either does not vary."""
    pairs = [(one, two) for one, two in zip(first, second, strict=True) if one is not None]
    if len({one for one, _ in pairs}) < 2 or len({two for _, two in pairs}) < 2:
        return None
    return float(spearman([one for one, _ in pairs], [two for _, two in pairs])[0])


def flat_value(values: Sequence[float], copies: int, least_scale: float = 0.0) -> float:
    """The mean of the values, rounded so that float32 adds up to `copies` of it without an error, in any order.

    A mean of equal float32 values is not always that value, and a trainer that divides the difference by a spread of
    almost nothing would make an advantage of it. The rounding moves the mean by less than one part in
    2 ** (23 - log2(copies)): a millionth for 8. `least_scale`: the largest sum that the value goes into beside
    others, which must all stand on one grid.
    """
    mean = fmean(values)
    scale = max(abs(mean), least_scale)
    if not scale:
        return 0.0
    unit = math.ldexp(1.0, math.frexp(scale)[1] - FLOAT32_BITS + math.ceil(math.log2(max(1, copies))))
    return round(mean / unit) * unit
