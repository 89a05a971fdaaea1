"""Settings that are also flags: dataclass fields with a help text, from which `cli.parser.add_flags` makes the flags.

A module with such a dataclass must load quickly, because `--help` imports it.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

OUTPUT_DIR: Final = Path("../data")
"""The default folder of data sets and caches, as in the paper's code."""
POOL: Final = "hub id, folder, .jsonl/.json/.csv/.parquet file"
PUSH: Final = "upload it with its card to this repository, private"
PUBLIC: Final = "the repository may be read by everybody"
SPLIT: Final = "split, for data sets with splits"
REWARDS: Final = (
    "bleu, rouge, meteor, chrf, bertscore, emb:MODEL, judge:MODEL, ... (docs/rewards.md), or package.module:Class"
)


def flag(default: T, text: str, **keywords: Any) -> T:  # noqa: ANN401 - any keyword of argparse
    """A field with a default and a help text. `keywords`: of argparse, or `least`, the smallest number allowed."""
    how: Any = {"default_factory": default.copy} if isinstance(default, (dict, list)) else {"default": default}
    made: T = field(metadata={"help": text, **keywords}, **how)
    return made
