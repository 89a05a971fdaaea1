"""Collect all completions of a prompt's group, even if several processes generated them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from bleuberi.errors import UserError

Row = TypeVar("Row")


def whole_groups(rows: Sequence[Row], group_size: int) -> tuple[list[list[Row]], int]:
    """The complete groups that this process's rows belong to, and the position of its first row in them.

    The trainer calls a reward with the completions of one process, collects the numbers of all processes in order, and
    cuts them into groups. If a process does not have whole groups, this function collects the rows in the same order.
    Each process has the same number of rows, so either all of them do this or none. Errors: `UserError` if no whole
    groups result.
    """
    if len(rows) % group_size == 0:
        return _cut(rows, group_size), 0
    from accelerate import PartialState  # heavy; loaded already where a trainer calls
    from accelerate.utils import gather_object

    everyone: list[Row] = gather_object(list(rows))
    if len(everyone) % group_size:
        raise UserError(
            f"{len(everyone)} completions cannot be split into groups of {group_size}.",
            "Make per_device_train_batch_size x steps_per_generation x processes be a multiple of num_generations.",
        )
    return _cut(everyone, group_size), PartialState().process_index * len(rows)


def _cut(rows: Sequence[Row], size: int) -> list[list[Row]]:
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
