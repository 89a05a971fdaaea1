"""JSON that every reader accepts: non-finite numbers become null, because JSON cannot express them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, SupportsFloat


def as_finite(number: SupportsFloat) -> float | None:
    """The number as a float; None for NaN, infinities, and integers too large for a float."""
    try:
        value = float(number)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def is_finite(value: object) -> bool:
    """Whether the value is a finite number."""
    return isinstance(value, int | float) and as_finite(value) is not None


def strict_json(
    value: object,
    *,
    ascii_only: bool = False,
    indent: int | None = None,
    default: Callable[[Any], object] | None = None,  # as in json.dumps
) -> str:
    """Serialize as strict JSON, with null for NaN and infinities. Lone surrogates are escaped."""
    try:
        text = _dumps(value, ascii_only, indent, default)
    except ValueError:  # a non-finite number; rare, so values are checked only then
        text = _dumps(_finite(value), ascii_only, indent, default)
    if not ascii_only and not _encodes(text):
        return strict_json(value, ascii_only=True, indent=indent, default=default)
    return text


def indented(items: Iterable[str], spaces: int) -> Iterator[str]:
    """The text between a list's brackets as `strict_json` indents it, an item at a time. `items`: each as JSON."""
    margin = "\n" + " " * spaces
    for place, item in enumerate(items):
        yield ("," if place else "") + margin + item.replace("\n", margin)


def _dumps(value: object, ascii_only: bool, indent: int | None, default: Callable[[Any], object] | None) -> str:
    return json.dumps(  # noqa: TID251 - it raises
        value, ensure_ascii=ascii_only, indent=indent, default=default, allow_nan=False
    )


def _finite(value: object) -> object:
    """A copy with None for each non-finite float, in keys too."""
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
