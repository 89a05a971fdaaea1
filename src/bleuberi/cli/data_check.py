"""`bleuberi data check`: flags -> config -> one check -> the table and where the files lie. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """The flags."""
    parser = Parser(
        "bleuberi data check",
        "Check a pool before anything is spent on it: one table of flags; drop by them if you like.",
    )
    add = parser.add_argument
    add("pool", metavar="POOL", help="hub id, folder, .jsonl/.json/.csv/.parquet file")
    add("--split", default="train", help="of data sets that have splits (train)")
    add("--ref_models", nargs="+", metavar="NAME", help="references to check; all that the pool has where not given")
    add("--max_completion_length", type=int, default=512, help="of the training to come, in tokens")
    add("--model", help="hub id or folder whose tokenizer counts; without it lengths are estimated")
    add("--against", nargs="+", default=[], metavar="FILE", help="test prompts (any form of a pool) to look for")
    add("--against_split", default="train", metavar="NAME", help="of data sets given with --against (train)")
    add("--drop", nargs="+", default=[], metavar="FLAG", help="write the pool without the rows of these flags")
    add("--held_out", type=int, default=0, metavar="N", help="split off N rows; near-duplicates stay together")
    add("--output_dir", type=Path, help="gets flags.jsonl, check.json and the pools; nothing is written without it")
    add("--seed", type=int, default=42, help="of the held-out rows")
    add("--overwrite", action="store_true", help="replace what another check wrote to OUTPUT_DIR")
    parser.add_argument("--json", action="store_true", help="print the table and the files as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.check.run import CheckConfig, check_pool
    from bleuberi.evaluation.table import print_table

    as_json = arguments.pop("json")
    for name in ("ref_models", "against", "drop"):
        arguments[name] = tuple(arguments[name]) if arguments[name] is not None else None
    done = check_pool(CheckConfig(**arguments))
    if as_json:
        counts = {"rows": done.rows, "references": done.references, "kept": done.tally.kept, "table": done.table}
        say_json({**counts, "dropped": dict(done.tally.dropped), "files": done.files})
        return 0
    rows = []
    for entry in done.table:
        references = "" if entry["references"] is None else f"{entry['references']:,}"
        share = f"{entry['share']:.1%}"
        rows.append([str(entry["flag"]), str(entry["meaning"]), f"{entry['rows']:,}", share, references])
    say(f"{done.rows:,} rows, {done.references:,} references")
    print_table(["flag", "meaning", "rows", "share", "references"], rows, text_columns=2)
    if arguments["drop"]:
        say(done.tally.sentence())
    for path in done.files:
        say(path)
    return 0
