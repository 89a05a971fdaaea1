"""Choose the prompts that a run is evaluated on while it trains: held out of its data set, or from another one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.data.grpo_rows import read_grpo_rows
from bleuberi.errors import UserError
from bleuberi.training.config import DevConfig
from bleuberi.training.watch.samples import evenly_spaced

log = logging.getLogger(__name__)

Rows = list[dict[str, Any]]


def split_dev(rows: Rows, config: DevConfig) -> tuple[Rows, Rows]:
    """The rows to train on and the dev rows, both in the format of a GRPO data set; no dev rows if none are requested.

    Prompts of another data set that are also trained on are left out. Errors: `UserError` if too few rows are left.
    """
    if not config.dev_prompts:
        return rows, []
    if not config.dev_dataset_path:
        return hold_out(rows, config.dev_prompts)
    trained = {row[columns.PROMPT] for row in rows}
    others = read_grpo_rows(Path(config.dev_dataset_path))
    unseen = [row for row in others if row[columns.PROMPT] not in trained]
    if len(unseen) < len(others):
        log.warning(
            "%d of %d dev prompts are also in the training data; they are left out",
            len(others) - len(unseen),
            len(others),
        )
    if not unseen:
        raise UserError(
            f"Every prompt of {config.dev_dataset_path} is also in the training data.",
            "Give a data set with other prompts, or omit --dev_dataset_path to hold some out.",
        )
    return rows, evenly_spaced(unseen, config.dev_prompts)


def hold_out(rows: Sequence[Any], count: int) -> tuple[list[Any], list[Any]]:
    """Split off `count` rows, evenly spaced over the data set. Returns the rows to train on, and these rows.

    Errors: `UserError` if less than half of the rows would be left for the training.
    """
    if 2 * count > len(rows):
        raise UserError(
            f"dev_prompts {count} would hold out more than half of the {len(rows)} rows.",
            "Lower --dev_prompts, or give other prompts with --dev_dataset_path.",
        )
    places = {index * len(rows) // count for index in range(count)}
    return [row for place, row in enumerate(rows) if place not in places], [rows[place] for place in sorted(places)]
