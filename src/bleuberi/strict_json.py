"""JSON that every reader accepts: a number that is not finite becomes null, since JSON has no word for it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat


def as_finite(number: SupportsFloat) -> float | None:
    """The number as a float; None for NaN, an infinity, or a whole number beyond the largest float (about 1.8e308)."""
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def is_finite(value: object) -> bool:
    """Whether the value is a number that is finite."""
    return isinstance(value, int | float) and as_finite(value) is not None


def strict_json(
    value: object,
    *,
    ascii_only: bool = False,
    indent: int | None = None,
    default: Callable[[Any], object] | None = None,  # as in json.dumps
) -> str:
    """The value as strict JSON, with null for NaN and infinities. Text without an encoding (half of a surrogate pair)
    is escaped."""
    try:
        text = _dumps(value, ascii_only, indent, default)
    except ValueError:  # a number that is not finite: rare, so that only then every value is looked at
        text = _dumps(_finite(value), ascii_only, indent, default)
    if not ascii_only and not _encodes(text):
        return strict_json(value, ascii_only=True, indent=indent, default=default)
    return text


def _dumps(value: object, ascii_only: bool, indent: int | None, default: Callable[[Any], object] | None) -> str:
    return json.dumps(  # noqa: TID251 - it raises
        value, ensure_ascii=ascii_only, indent=indent, default=default, allow_nan=False
    )


def _finite(value: object) -> object:
    """A copy with None for each float that is not finite, in keys too."""
    if isinstance(value, float):
        return as_finite(value)
    if isinstance(value, Mapping):
        return {_finite(name) if isinstance(name, float) else name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
