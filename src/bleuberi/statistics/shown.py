"""Format estimates for readers. Every value with an interval is formatted here.

Each function takes an estimate as stored in JSON (`value`, `low`, `high`). If a bound is missing or infinite, the
spread is unknown and the text says "no interval".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

EstimateJson = Mapping[str, Any]

UNKNOWN: Final = "no interval"
COIN: Final = 0.5  # what chance alone reaches


def has_interval(estimate: EstimateJson | None) -> bool:
    """Whether both bounds are known."""
    return estimate is not None and all(
        bound is not None and math.isfinite(bound) for bound in (estimate.get("low"), estimate.get("high"))
    )


def is_number(estimate: object) -> TypeGuard[EstimateJson]:
    """Whether it is an estimate with a finite number; files of killed or foreign programs may hold anything."""
    value = estimate.get("value") if isinstance(estimate, Mapping) else None
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def side(estimate: EstimateJson | None, middle: float = 0.0) -> int:
    """1 if the whole interval is above `middle`, -1 if it is below, 0 if the two are not told apart."""
    if estimate is None or not has_interval(estimate):
        return 0
    return int(estimate["low"] > middle) - int(estimate["high"] < middle)


def bounds(estimate: EstimateJson | None, form: str = "+.3f", scale: float = 1.0) -> str:
    """E.g. `[-0.004, +0.046]`."""
    if estimate is None or not has_interval(estimate):
        return UNKNOWN
    return f"[{scale * estimate['low']:{form}}, {scale * estimate['high']:{form}}]"


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash if there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:{form}}"


def interval(estimate: EstimateJson, form: str = ".3f", scale: float = 1.0, unit: str = "") -> str:
    """E.g. `0.512 [0.490, 0.534]`."""
    value = None if estimate["value"] is None else scale * estimate["value"]
    return f"{number(value, form)}{unit} {bounds(estimate, form, scale)}"


def difference(estimate: EstimateJson) -> str:
    """E.g. `+0.021 [-0.004, +0.046]`."""
    return interval(estimate, "+.3f")


def percent(estimate: EstimateJson, digits: int = 1) -> str:
    """E.g. `72.3 % [69.5, 75.0]`."""
    return interval(estimate, f".{digits}f", 100.0, " %")


def points(estimate: EstimateJson) -> str:
    """A difference of shares in percentage points, e.g. `+7.5 points [+4.4, +10.8]`."""
    return interval(estimate, "+.1f", 100.0, " points")


def correlation(estimate: EstimateJson) -> str:
    """E.g. `0.83 [0.70, 0.91]`; or text if one side does not vary."""
    if estimate["value"] is None or math.isnan(estimate["value"]):
        return "none (all score the same)"
    return interval(estimate, ".2f")


def p_words(p_value: float) -> str:
    """E.g. `p = 0.017`, or `p < 0.0001`."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"
