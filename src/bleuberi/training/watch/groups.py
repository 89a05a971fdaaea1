"""A prompt's group of completions, whole, wherever they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bleuberi.errors import UserError

Row = TypeVar("Row")


def whole_groups(rows: Sequence[Row], group_size: int) -> tuple[list[list[Row]], int]:
    """The groups that this process's rows belong to, and where in them its first row stands.

    The trainer calls a reward with what one process generated, gathers the numbers in the order of the processes, and
    cuts that into groups. Where a process has no whole number of groups the rows are gathered here in the same order;
    each has the same number of rows, so all of them take this path or none. Errors: `UserError` where no groups result.
    """
    if len(rows) % group_size == 0:
        return _cut(rows, group_size), 0
    from accelerate import PartialState  # heavy; loaded already where a trainer calls
    from accelerate.utils import gather_object

    everyone: list[Row] = gather_object(list(rows))
    if len(everyone) % group_size:
        raise UserError(
            f"{len(everyone)} completions do not make groups of {group_size}.",
            "Let per_device_train_batch_size x steps_per_generation x processes be a multiple of num_generations.",
        )
    return _cut(everyone, group_size), PartialState().process_index * len(rows)


def _cut(rows: Sequence[Row], size: int) -> list[list[Row]]:
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
