"""A case, and the words that many commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """A command as it would be typed in a folder that holds `inputs/`; SERVER is the address of a model's server.

    `before` changes the folder first, as a user or a killed run could have.
    """

    name: str
    words: str
    before: Callable[[Path], None] | None = None


POOL = "--hf_dataset_path inputs/pool.jsonl"
THREE = "--ref_models gold second third"
GIVEN = "--outputs inputs/outputs.jsonl --model made/writer-1b"
GRPO = f"bleuberi data grpo {POOL} {THREE}"
OUT = "--output_dir out --json --output_dataset_name"
TINY = "--engine transformers --model inputs/model --inference_max_new_tokens 12"
CANNED = "--engine canned --answers inputs/answers.jsonl"
