"""Find the columns of a fine-tuning file that its grader reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.rewards.graders.read import read_grader


def graded_columns(path: Path, named: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Reference model and column of each field that the grader reads, in its order: `gold` for one field, else the
    field's name. Errors: `UserError` for a file that is not a grader, no such field, or references named besides.
    """
    if named:
        raise UserError("--grader and --references both choose the references.", "Give one of them.")
    fields = read_grader(path)[1].fields
    if not fields:
        raise UserError(
            f"The grader {path} reads no field of the data, so it needs no references.", "Leave --grader out."
        )
    if len(fields) == 1:
        return ((columns.GOLD, fields[0]),)
    return tuple((name.replace(".", "_"), name) for name in fields)
