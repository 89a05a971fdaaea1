"""`bleuberi explain`: explain a score in the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.data import bounds
from bleuberi.errors import UserError
from bleuberi.flags import SPLIT

EPILOG = """\
examples:
  bleuberi explain --response "the cat sat" --reference "the cat sat down" --reference "a cat sat"
  bleuberi explain --prompt "Say it." --response @answer.txt --reference @gold.txt
  bleuberi explain --reward meteor --response "the cats sat" --reference "a cat sat down"
  bleuberi explain --file rows.jsonl --id 17        a row with prompt, response (or output) and references
"""


def build_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi explain", "Explain a response's score.", EPILOG)
    parser.add_argument(
        "--reward", default="bleu", metavar="NAME",
        help="bleu, meteor, chrf: detailed; others: score per reference",
    )  # fmt: skip
    parser.add_argument("--prompt", default="", help="the prompt, shown for reading; @file reads a file")
    parser.add_argument("--response", help="the response; @file reads a file")
    parser.add_argument("--reference", action="append", default=[], help="a reference, repeatable; @file reads a file")
    parser.add_argument("--file", type=Path, help="a file with a row to explain, instead of the texts above")
    parser.add_argument("--split", default="train", help=SPLIT)
    parser.add_argument("--id", help="the row's id in --file (default: the first row)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    return parser


def main(argv: Sequence[str]) -> int:
    """Explain one response. Errors: `UserError` if a text is missing."""
    arguments = build_parser().parse_args(argv)
    prompt, response, references = _row_of_file(arguments) if arguments.file else _row_of_flags(arguments)
    from bleuberi.rewards.explanations import explain_reward

    found = explain_reward(arguments.reward, prompt, response, references)
    if arguments.json:
        from dataclasses import asdict

        say_json(asdict(found.parts))
        return 0
    from rich.console import Console

    from bleuberi.cli.explain_screen import show

    show(Console(file=sys.stdout, highlight=False), prompt, found)
    return 0


def _row_of_flags(arguments: argparse.Namespace) -> tuple[str, str, list[str]]:
    if arguments.response is None or not arguments.reference:
        raise UserError("A response and a reference are needed.", 'Give --response "..." --reference "...", or --file.')
    return _text(arguments.prompt), _text(arguments.response), [_text(text) for text in arguments.reference]


def _text(value: str) -> str:
    """The value, or the content of the file given as `@file`."""
    if not value.startswith("@"):
        return value
    try:
        with Path(value[1:]).open("rb") as stream:  # a device may be endless
            content = stream.read(bounds.MAX_ROW_BYTES + 1)
        if len(content) > bounds.MAX_ROW_BYTES:
            raise UserError(f"{value[1:]} is longer than {bounds.MAX_ROW_BYTES >> 20} MiB.", "Give a shorter text.")
        return content.decode(bounds.marked_coding(content) or "utf-8-sig").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The file {value[1:]} could not be read: {error}", "Give the path of a UTF-8 file.") from error


def _row_of_file(arguments: argparse.Namespace) -> tuple[str, str, list[str]]:
    from bleuberi.data.cells import id_text
    from bleuberi.data.made_responses import read_response
    from bleuberi.data.references import references_in
    from bleuberi.data.tables import read_rows

    path: Path = arguments.file
    rows = read_rows(str(path), arguments.split)
    raw = next((raw for raw in rows if arguments.id is None or id_text(raw.values.get("id")) == arguments.id), None)
    if raw is None:
        wanted = "The file has no rows." if arguments.id is None else f"No row with the id {arguments.id} in {path}."
        raise UserError(wanted, "Give the id of a row in the file.")
    # A single row needs neither id nor prompt.
    found = read_response(raw._replace(values={"id": "1", **raw.values}))
    references = list(references_in(raw.values).values())
    if found is None or not references:
        raise UserError(
            f"{raw.place} has no response or no references. Its columns: {', '.join(raw.values)}.",
            "A row needs response (or output) and references (a list, or columns ref_output_<name>).",
        )
    return found.prompt or "", found.text, references
