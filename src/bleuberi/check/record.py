"""The records of a check: `check.json`, and the row counts of its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from bleuberi.artifacts import MANIFEST, read_record
from bleuberi.errors import UserError

CHECK: Final = "check.json"


@dataclass(frozen=True, slots=True)
class FlagRow:
    """One flag: the number and share of flagged rows, the number of affected references, and a few ids."""

    flag: str
    rows: int
    share: float
    references: int | None
    examples: tuple[str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """`check.json`: the flags, and the methods by which three of them were computed."""

    table: tuple[FlagRow, ...]
    rows: int
    near_duplicates: str | None = None
    reference_lengths: str | None = None
    agreement: str | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Errors: `UserError` if the folder has no check, or a damaged one."""
        found = read_record(cls, folder / CHECK)
        if found is None:
            raise UserError(f"{folder} has no {CHECK}.", "Give a folder that bleuberi data check wrote.")
        return found


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The pool's row counts in the manifest."""

    rows_in: int
    rows_out: int
    rows_held_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """None if the check was not finished. Errors: `UserError` for a damaged manifest."""
        return read_record(cls, folder / MANIFEST)
