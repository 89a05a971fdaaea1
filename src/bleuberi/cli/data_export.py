"""`bleuberi data export`: flags -> config -> one file for another trainer -> how it is used. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.data.config import ExportConfig
from bleuberi.plain_text import say

EXAMPLES: Final = """examples:
  bleuberi data export pool.jsonl --to verl --output train.parquet
  bleuberi data export data/data_grpo/NAME --to trl --output trl.jsonl        a GRPO data set, with its selection
  bleuberi data export pool.jsonl --to verifiers --output my_taskset          a package to install
  bleuberi data export pool.jsonl --to dpo --outputs responses.jsonl --output pairs.jsonl

docs/other_trainers.md has the rest of the recipe for each trainer.
"""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser(
        "bleuberi data export", "Write a pool or a GRPO data set in the shape of another trainer.", EXAMPLES
    )
    add_flags(parser, ExportConfig)
    parser.add_argument("--json", action="store_true", help="print the place and the counts as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Write the export."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.export.recipes import command, reward_file
    from bleuberi.data.export.run import export

    config = take(arguments, ExportConfig)
    done = export(config)
    if arguments["json"]:
        say_json({"path": done.path, "rows": done.rows, "dropped": dict(done.dropped), "hub": done.hub})
        return 0
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in done.dropped.items())
    say(f"{done.rows:,} rows for {config.to} in {done.path}" + (f" (left out: {left_out})" if left_out else ""))
    if done.hub is not None:
        say(f"On the hub: {done.hub}")
    if reward_file(config.to):
        say(f"Save this as reward.py:\n\n{reward_file(config.to)}")
    say(f"Next: {command(config.to, done.path)}")
    return 0
