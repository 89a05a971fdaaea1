"""Format estimates for readers. Every value with an interval is formatted here.

Each function takes an estimate as an object or as JSON stores it (`value`, `low`, `high`). If a bound is missing or
infinite, the spread is unknown and the text says "no interval".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Protocol

from bleuberi.strict_json import as_finite

UNKNOWN: Final = "no interval"
COIN: Final = 0.5  # what chance alone reaches


class Interval(Protocol):
    """Anything with the three numbers of an `Estimate` or `Difference`: value, low, high."""

    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


Estimated = Interval | Mapping[str, Any]


def numbers(estimate: object) -> tuple[float | None, float | None, float | None]:
    """Value and bounds; None for what is missing, not finite, or not a number."""
    if isinstance(estimate, Mapping):
        value, low, high = (estimate.get(name) for name in ("value", "low", "high"))
    else:
        value, low, high = (getattr(estimate, name, None) for name in ("value", "low", "high"))
    return finite(value), finite(low), finite(high)


def finite(value: object) -> float | None:
    """The number, or None if it is missing, not finite, or not a number."""
    return as_finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def has_interval(estimate: object) -> bool:
    """Whether both bounds are known."""
    return None not in numbers(estimate)[1:]


def is_number(estimate: object) -> bool:
    """Whether it is an estimate with a finite number; files of killed or other programs may contain anything."""
    return numbers(estimate)[0] is not None


def side(estimate: object, middle: float = 0.0) -> int:
    """1 if the whole interval is above `middle`, -1 if it is below, 0 otherwise (the two are not told apart)."""
    _, low, high = numbers(estimate)
    return 0 if low is None or high is None else int(low > middle) - int(high < middle)


def bounds(estimate: Estimated | None, form: str = "+.3f", scale: float = 1.0) -> str:
    """The interval alone, e.g. `[-0.004, +0.046]`."""
    _, low, high = numbers(estimate)
    return UNKNOWN if low is None or high is None else f"[{scale * low:{form}}, {scale * high:{form}}]"


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash if there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:{form}}"


def interval(estimate: Estimated, form: str = ".3f", scale: float = 1.0, unit: str = "") -> str:
    """The value with its interval, e.g. `0.512 [0.490, 0.534]`."""
    value = numbers(estimate)[0]
    return f"{number(None if value is None else scale * value, form)}{unit} {bounds(estimate, form, scale)}"


def difference(estimate: Estimated) -> str:
    """A difference with its interval, e.g. `+0.021 [-0.004, +0.046]`."""
    return interval(estimate, "+.3f")


def percent(estimate: Estimated, digits: int = 1) -> str:
    """A share in per cent with its interval, e.g. `72.3 % [69.5, 75.0]`."""
    return interval(estimate, f".{digits}f", 100.0, " %")


def points(estimate: Estimated) -> str:
    """A difference of shares in percentage points, e.g. `+7.5 points [+4.4, +10.8]`."""
    return interval(estimate, "+.1f", 100.0, " points")


def correlation(estimate: Estimated) -> str:
    """A correlation with its interval, e.g. `0.83 [0.70, 0.91]`; or a text if one side does not vary."""
    if not is_number(estimate):
        return "none (all score the same)"
    return interval(estimate, ".2f")


def p_words(p_value: float) -> str:
    """A p value as text, e.g. `p = 0.017`, or `p < 0.0001`."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"
