"""The settings of `data check`. Loads nothing heavy, because they are also flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bleuberi.errors import UserError
from bleuberi.flags import POOL, SPLIT, flag


@dataclass(frozen=True, slots=True)
class CheckConfig:
    """The settings of a check: the pool, the test prompts, and the files to write."""

    pool: str = field(metadata={"help": POOL, "metavar": "POOL", "positional": True})
    split: str = flag("train", SPLIT)
    ref_models: tuple[str, ...] | None = flag(None, "references to check (default: all in the pool)", metavar="NAME")
    max_completion_length: int = flag(512, "the planned training's limit, in tokens")
    model: str | None = flag(None, "hub id or folder whose tokenizer counts tokens (default: estimate lengths)")
    against: tuple[str, ...] = flag((), "test prompts to search for (any pool format)", metavar="FILE")
    against_split: str = flag("train", "split of --against, for data sets with splits", metavar="NAME")
    drop: tuple[str, ...] = flag((), "write the pool without rows that have these flags", metavar="FLAG")
    held_out: int = flag(0, "hold out N rows; near-duplicates stay together", metavar="N")
    output_dir: Path | None = flag(None, "folder for flags.jsonl, check.json and pools (default: write nothing)")
    seed: int = flag(42, "random seed for held-out rows")
    overwrite: bool = flag(False, "replace another check's files in OUTPUT_DIR")

    def check(self) -> None:
        """Reject invalid settings before anything is read. Errors: `UserError`."""
        from bleuberi.check.findings import FLAGS

        unknown = [flag for flag in self.drop if flag not in FLAGS]
        if unknown:
            raise UserError(f"Unknown flag {unknown[0]!r}.", f"Choose from: {', '.join(FLAGS)}.")
        if "in_test_prompts" in self.drop and not self.against:
            raise UserError("--drop in_test_prompts needs the test prompts.", "Add --against FILE.")
        if (self.drop or self.held_out) and self.output_dir is None:
            raise UserError("--drop and --held_out write a pool, so they need a folder.", "Add --output_dir DIR.")
        if self.max_completion_length < 1 or self.held_out < 0 or not 0 <= self.seed < 2**32:
            raise UserError(
                "--max_completion_length, --held_out or --seed is out of range.",
                "Give a length of 1 or more, 0 or more rows, and a seed from 0 to 4294967295.",
            )
