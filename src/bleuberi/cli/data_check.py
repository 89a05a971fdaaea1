"""`bleuberi data check`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from bleuberi.check.config import CheckConfig
from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi data check",
        "Check a pool before you train on it: one table of flags, with an option to drop flagged rows.",
    )
    add_flags(parser, CheckConfig)
    parser.add_argument("--json", action="store_true", help="print table and file names as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Check a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.check.run import check_pool
    from bleuberi.check.view import flag_table
    from bleuberi.view.terminal import print_table

    as_json = arguments.pop("json")
    config = take(arguments, CheckConfig)
    done = check_pool(config)
    if as_json:
        counts = {"rows": done.rows, "references": done.references, "kept": done.tally.kept, "held_out": done.held_out}
        table = [asdict(row) for row in done.table]
        say_json({**counts, "table": table, "dropped": dict(done.tally.dropped), "files": done.files})
        return 0
    say(f"{done.rows:,} rows, {done.references:,} references")
    print_table(flag_table(done.table))
    if config.drop:
        say(done.tally.sentence())
    for path in done.files:
        say(path)
    if asked := config.held_out:
        fewer = "" if done.held_out == asked else f" ({asked:,} were asked for)"
        say(f"{done.tally.kept - done.held_out:,} rows to train on (train.jsonl), {done.held_out:,} held out{fewer}")
        tested = next(entry.rows for entry in done.table if entry.flag == "in_test_prompts")
        if tested and "in_test_prompts" not in config.drop:
            say("Rows with prompts of --against are not held out. Remove them from train.jsonl: --drop in_test_prompts")
    return 0
