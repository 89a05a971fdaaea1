"""One row of a table as it was read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class RawRow(NamedTuple):
    """A row as it was read, and its place for error messages."""

    place: str  # e.g. `pool.jsonl, line 12`
    values: Mapping[str, Any]


def row_bytes(raw: RawRow) -> bytes:
    """A row's content for a hash over a table; the order of its columns does not count."""
    return json.dumps(raw.values, sort_keys=True, default=str).encode()  # noqa: TID251 - hashed, not written
