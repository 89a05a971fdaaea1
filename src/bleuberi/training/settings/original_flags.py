"""Flags of the method's original `grpo.py` and `sft.py` that have other names here, or no counterpart.

Flags that are not in the table mean the same here. `docs/migration.md` has all of them; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bleuberi.errors import UserError
from bleuberi.training.settings.rules import Values

ORIGINAL_FLAGS: Final[Mapping[str, str]] = {
    "model_path": "Write --model_name_or_path {}.",
    "data_path": "Write --dataset_path {}.",
    "ckpt_dir": "Write --output_dir {}.",
    "num_epochs": "Write --num_train_epochs {}.",
    "shuffle": "Write --shuffle_dataset true for GRPO; leave it out for SFT, whose sampler shuffles.",
    "cache_dir": "Set the environment variable HF_HUB_CACHE to that folder.",
    "wandb_project": "Set the environment variable WANDB_PROJECT to that name, and add --report_to wandb.",
    "load_from_disk": "Leave it out: --dataset_path is read from disk.",
    "streaming": "Leave it out: the data set is read as a whole.",
    "train_split": "Leave it out: the split train is used. Save another split as train in a data set of its own.",
    "model_max_length": "Leave it out. Texts are bounded by --max_prompt_tokens and --max_completion_length (GRPO) or "
    "--max_length (SFT).",
}
"""Flag -> what to write; `{}` stands for the value that was given."""


def check_original(place: str, values: Values) -> None:
    """Reject a flag of the original program that has no effect here, and name its equivalent. `place`: file or
    command."""
    for name, equivalent in ORIGINAL_FLAGS.items():
        if name in values:
            given = values[name] if isinstance(values[name], str) else name.upper()
            raise UserError(
                f"{place} has {name}, a flag of the method's original program that has no effect here.",
                equivalent.format(given),
            )
