"""`bleuberi data import`: flags -> config -> one pool -> what its columns were taken for. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say

EXAMPLES = """examples:
  bleuberi data import alpaca.json --output pool.jsonl
  bleuberi data import chats.jsonl --output pool.jsonl               messages, conversations, chosen, ...
  bleuberi data import gpt4.json claude.json --output pool.jsonl     answers to the same prompts: two references
  bleuberi data import faq.csv --prompt Title Body --references gold=Reply --output pool.jsonl

What the columns were taken for is printed; --prompt and --references say it where the guess is wrong. Rows with
the same prompt become one row. Ids come from a column `id`, or are made from the prompts.
"""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser(
        "bleuberi data import", "Make a pool of instruction files in whatever common shape they have.", EXAMPLES
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="hub id, folder, .jsonl/.json/.csv/.tsv/.parquet file, packed too")
    add("--output", type=Path, required=True, metavar="POOL", help="the new pool, .jsonl")
    add("--prompt", nargs="+", default=[], metavar="COLUMN", help="columns of the prompt; several texts are joined")
    add(
        "--references", nargs="+", default=[], metavar="[NAME=]COLUMN", help="columns of answers (NAME is gold for one)"
    )
    add("--system", metavar="COLUMN", help="column of the system message")
    add("--named_by", metavar="COLUMN", help="column that names who wrote the answer")
    add("--id", metavar="COLUMN", help="column of the ids (id, where there is one)")
    add("--new_ids", action="store_true", help="make ids from the prompts, whatever the files have")
    add("--subset", metavar="NAME", help="of a hub data set that has several")
    add("--split", default="train", help="of data sets that have splits (train)")
    add("--overwrite", action="store_true", help="replace a POOL with different settings")
    add("--json", action="store_true", help="print the counts as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Make a pool."""
    arguments = vars(make_parser().parse_args(argv))
    from bleuberi.data.import_pool import ImportConfig, import_pool
    from bleuberi.data.layouts import Layout, named_columns
    from bleuberi.evaluation.table import print_table

    as_json = arguments.pop("json")
    layout = Layout(
        prompt=tuple(arguments.pop("prompt")),
        references=named_columns(arguments.pop("references")),
        **{name: arguments.pop(name) for name in ("system", "named_by", "id")},
    )
    done = import_pool(ImportConfig(files=tuple(arguments.pop("files")), layout=layout, **arguments))
    if as_json:
        facts = {
            name: getattr(done, name) for name in ("rows_read", "instructions", "references", "left_out", "layouts")
        }
        say_json({"output": done.path, **facts})
        return 0
    for file, sentence in done.layouts.items():
        say(f"{file}: {sentence}")
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in done.left_out.items())
    say(
        f"{done.rows_read:,} rows -> {done.instructions:,} instructions in {done.path}"
        + (f" (left out: {left_out})" if left_out else "")
    )
    if done.references:
        print_table(
            ["reference", "instructions"], [[name, f"{n:,}"] for name, n in done.references.items()], text_columns=1
        )
        say(f"Next: bleuberi data check {done.path}")
    else:
        say(f"No answers in it. Next: bleuberi references --hf_dataset_path {done.path} --model MODEL --output FILE")
    return 0
