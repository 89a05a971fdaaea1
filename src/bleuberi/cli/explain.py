"""`bleuberi explain`: why a response got its BLEU, in the terminal. Knows flags, files and colours; counts nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bleuberi.cli.parser import Parser, say_json
from bleuberi.data import bounds
from bleuberi.errors import UserError
from bleuberi.plain_text import one_line, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from bleuberi.rewards.explanation import Explanation

STYLES = ("dim", "yellow", "cyan", "green", "bold green")  # by the longest matched n-gram over a token
EPILOG = """\
examples:
  bleuberi explain --response "the cat sat" --reference "the cat sat down" --reference "a cat sat"
  bleuberi explain --prompt "Say it." --response @answer.txt --reference @gold.txt
  bleuberi explain --file rows.jsonl --id 17        a row with prompt, response (or output) and references
"""


def build_parser() -> Parser:
    """The command's flags."""
    parser = Parser("bleuberi explain", "Show why a response got its BLEU score.", EPILOG)
    parser.add_argument("--prompt", default="", help="the prompt, shown for reading; @file reads a file")
    parser.add_argument("--response", help="the response; @file reads a file")
    parser.add_argument("--reference", action="append", default=[], help="a reference, repeatable; @file reads a file")
    parser.add_argument("--file", type=Path, help="a JSON-lines file with a row to explain, in place of the above")
    parser.add_argument("--id", help="the row's id in --file (default: the first row)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    return parser


def main(argv: Sequence[str]) -> int:
    """Explain one response. Errors: `UserError` where a text is missing."""
    arguments = build_parser().parse_args(argv)
    prompt, response, references = _row_of_file(arguments) if arguments.file else _row_of_flags(arguments)
    from bleuberi.rewards.explanation import explain

    found = explain(response, references)
    if arguments.json:
        from dataclasses import asdict

        say_json(asdict(found))
        return 0
    from rich.console import Console

    _show(Console(file=sys.stdout, highlight=False), prompt, found)
    return 0


def _row_of_flags(arguments: argparse.Namespace) -> tuple[str, str, list[str]]:
    if arguments.response is None or not arguments.reference:
        raise UserError("A response and a reference are needed.", 'Give --response "..." --reference "...", or --file.')
    return _text(arguments.prompt), _text(arguments.response), [_text(text) for text in arguments.reference]


def _text(value: str) -> str:
    """The value itself, or the content of the file that `@` names."""
    if not value.startswith("@"):
        return value
    try:
        with Path(value[1:]).open("rb") as stream:  # a device has no end
            content = stream.read(bounds.MAX_ROW_BYTES + 1)
        if len(content) > bounds.MAX_ROW_BYTES:
            raise UserError(f"{value[1:]} is longer than {bounds.MAX_ROW_BYTES >> 20} MiB.", "Give a shorter text.")
        return content.decode().replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file {value[1:]} could not be read: {error}", "Give the path of a UTF-8 file.") from error


def _row_of_file(arguments: argparse.Namespace) -> tuple[str, str, list[str]]:
    path: Path = arguments.file
    try:
        with path.open("rb") as file:
            rows = (json.loads(line) for line in bounds.bounded_lines(path, file) if line.strip())
            row = next((row for row in rows if arguments.id is None or str(row.get("id")) == arguments.id), None)
    except (OSError, ValueError, AttributeError, RecursionError) as error:  # ValueError: not JSON, or not UTF-8
        raise UserError(f"The file {path} could not be read: {error}", "Give a JSON-lines file of objects.") from error
    if row is None:
        raise UserError(f"No row with the id {arguments.id} in {path}.", "Give the id of one of its rows.")
    response = row.get("response", row.get("output"))
    references = row.get("references", [])
    if not isinstance(response, str) or not references or not all(isinstance(text, str) for text in references):
        raise UserError(
            f"The row {row.get('id', 1)} of {path} lacks a response or references; it has: {', '.join(row)}.",
            "A row needs response (or output), and references: a list of texts.",
        )
    return str(row.get("prompt", "")), response, references


def _show(console: Console, prompt: str, found: Explanation) -> None:
    """Print an explanation."""
    from bleuberi.rewards import Bleu

    if prompt:
        console.print("prompt  ", style="bold", end="")
        console.print(plain(prompt.strip()[:300]), markup=False)
    score = "no score: no reference has tokens" if found.score is None else f"{found.score:.4f}"
    console.print(f"BLEU    {score}", style="bold")
    console.print(f"        {Bleu().signature()}\n", style="dim", markup=False)
    console.print(_highlighted(found))
    console.print("longest match: ", style="dim", end="")
    for depth, style in enumerate(STYLES):
        console.print(f"{depth or 'none'} ", style=style, end="")
    console.print("\n")
    if found.score is None:
        return
    console.print(_orders_table(found))
    console.print(_references_table(found))
    console.print(
        f"brevity   {len(found.tokens)} tokens, shortest reference {found.reference_tokens}: "
        f"penalty {found.brevity_penalty:.3f}"
    )
    given = 1.0 - found.score_without_smoothing / found.score if found.score else 0.0
    console.print(
        f"smoothing {found.score_without_smoothing:.4f} without it; it gave {max(0.0, given):.0%} of the score"
    )
    fewer = 0.0 if found.score_with_fewer is None else found.score_with_fewer
    console.print(
        f"length    without its last 50 tokens {fewer:.4f} ({fewer - found.score:+.4f}); "
        f"with 50 more that match nothing {found.score_with_more:.4f} ({found.score_with_more - found.score:+.4f})"
    )


def _highlighted(found: Explanation) -> Text:
    """The response's tokens, coloured by the longest matched n-gram over each."""
    from rich.text import Text

    text = Text()
    for token, depth in zip(found.tokens, found.depth, strict=True):
        text.append(plain(token) + " ", style=STYLES[depth])
    return text


def _orders_table(found: Explanation) -> Table:
    from rich.table import Table

    table = Table("n-grams", "of the response", "matched", "precision", "of it by smoothing", box=None)
    for order in found.orders:
        table.add_row(
            str(order.order), str(order.candidates), str(order.matched), f"{order.precision:.3f}",
            f"{order.share_of_smoothing:.0%}",
        )  # fmt: skip
    return table


def _references_table(found: Explanation) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table("reference", "tokens", "matches of 1/2/3/4 tokens", "matched only here", "begins", box=None)
    for number, reference in enumerate(found.references, start=1):
        matched = "/".join(map(str, reference.matched_by_order))
        begin = Text(one_line(reference.text, 40))
        table.add_row(str(number), str(reference.tokens), matched, str(reference.only_here), begin)
    return table
