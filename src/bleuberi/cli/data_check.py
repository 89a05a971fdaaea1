"""`bleuberi data check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi data check",
        "Check a pool before you train on it: one table of flags, with an option to drop flagged rows.",
    )
    add = parser.add_argument
    add("pool", metavar="POOL", help="hub id, folder, .jsonl/.json/.csv/.parquet file")
    add("--split", default="train", help="split, for data sets with splits (train)")
    add("--ref_models", nargs="+", metavar="NAME", help="references to check (default: all in the pool)")
    add("--max_completion_length", type=int, default=512, help="the planned training's limit, in tokens")
    add("--model", help="hub id or folder whose tokenizer counts tokens (default: estimate lengths)")
    add("--against", nargs="+", default=[], metavar="FILE", help="test prompts to search for (any pool format)")
    add(
        "--against_split", default="train", metavar="NAME", help="split of --against, for data sets with splits (train)"
    )
    add("--drop", nargs="+", default=[], metavar="FLAG", help="write the pool without rows that have these flags")
    add("--held_out", type=int, default=0, metavar="N", help="hold out N rows; near-duplicates stay together")
    add("--output_dir", type=Path, help="folder for flags.jsonl, check.json and pools (default: write nothing)")
    add("--seed", type=int, default=42, help="random seed for held-out rows")
    add("--overwrite", action="store_true", help="replace another check's files in OUTPUT_DIR")
    parser.add_argument("--json", action="store_true", help="print table and file names as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.check.run import CheckConfig, check_pool
    from bleuberi.check.view import flag_table
    from bleuberi.view.terminal import print_table

    as_json = arguments.pop("json")
    for name in ("ref_models", "against", "drop"):
        arguments[name] = tuple(arguments[name]) if arguments[name] is not None else None
    done = check_pool(CheckConfig(**arguments))
    if as_json:
        counts = {"rows": done.rows, "references": done.references, "kept": done.tally.kept, "table": done.table}
        say_json({**counts, "dropped": dict(done.tally.dropped), "files": done.files})
        return 0
    say(f"{done.rows:,} rows, {done.references:,} references")
    print_table(flag_table(done.table))
    if arguments["drop"]:
        say(done.tally.sentence())
    for path in done.files:
        say(path)
    return 0
