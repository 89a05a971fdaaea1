"""`bleuberi data import`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.data.config import ImportConfig
from bleuberi.plain_text import say

EXAMPLES = """examples:
  bleuberi data import alpaca.json --output pool.jsonl
  bleuberi data import chats.jsonl --output pool.jsonl               messages, conversations, chosen, ...
  bleuberi data import gpt4.json claude.json --output pool.jsonl     answers to the same prompts: two references
  bleuberi data import rft.jsonl --grader grader.json --output pool.jsonl    data of hosted reinforcement fine-tuning
  bleuberi data import trl-lib/tldr --split validation --limit 2000 --output pool.jsonl    a data set of the hub
  bleuberi data import faq.csv --prompt Title Body --references gold=Reply --output pool.jsonl

The detected column mapping is printed; override it with --prompt and --references if it is wrong. Rows with
the same prompt become one row. Ids come from a column `id`, or are derived from the prompts.
"""

_MOST_NAMED = 12  # columns


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi data import", "Create a pool from instruction files in any common format.", EXAMPLES)
    add = parser.add_argument
    add_flags(parser, ImportConfig, ["files", "output"])
    add("--prompt", nargs="+", default=[], metavar="COLUMN", help="prompt columns; several are joined")
    add("--references", nargs="+", default=[], metavar="[NAME=]COLUMN", help="reference columns (one: NAME is gold)")
    add("--grader", type=Path, metavar="FILE", help="JSON of a grader: the fields that it reads are the references")
    add("--system", metavar="COLUMN", help="column with the system message")
    add("--named_by", metavar="COLUMN", help="column with the name of the reference's author")
    add("--id", metavar="COLUMN", help="id column (default: id, if present)")
    add_flags(parser, ImportConfig, ["new_ids", "subset", "split", "limit", "overwrite"])
    add("--json", action="store_true", help="print the counts as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Import a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.graded import graded_columns
    from bleuberi.data.import_pool import import_pool
    from bleuberi.data.layouts import Layout, named_columns
    from bleuberi.view.parts import Cell, Table, count
    from bleuberi.view.terminal import print_table

    as_json, limit = arguments.pop("json"), arguments["limit"]
    grader, named = arguments.pop("grader"), arguments.pop("references")
    layout = Layout(
        prompt=tuple(arguments.pop("prompt")),
        references=named_columns(named) if grader is None else graded_columns(grader, named),
        **{name: arguments.pop(name) for name in ("system", "named_by", "id")},
    )
    done = import_pool(take(arguments, ImportConfig, layout=layout))
    if as_json:
        names = ("rows_read", "instructions", "references", "left_out", "layouts", "unread")
        facts = {name: getattr(done, name) for name in names}
        say_json({"output": done.path, **facts})
        return 0
    for file, sentence in done.layouts.items():
        say(f"{file}: {sentence}" + (f" (at most the first {limit:,} rows are read)" if limit else ""))
        if unread := done.unread[file]:
            more = f" and {len(unread) - _MOST_NAMED} more" if len(unread) > _MOST_NAMED else ""
            say(f"Not read: {', '.join(unread[:_MOST_NAMED])}{more}")
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in done.left_out.items())
    say(
        f"{done.rows_read:,} rows -> {done.instructions:,} instructions in {done.path}"
        + (f" (dropped: {left_out})" if left_out else "")
    )
    path = shlex.quote(str(done.path))
    if done.references:
        rows = [[Cell(name), count(number)] for name, number in done.references.items()]
        print_table(Table("references", "", ["reference", "instructions"], rows))
        say(f"Next: bleuberi data check {path}")
    else:
        say(f"No references yet. Next: bleuberi references --hf_dataset_path {path} --model MODEL --output FILE")
    return 0
