"""`bleuberi report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.plain_text import say

EXAMPLES = """\
examples:
  bleuberi report runs/demo                          everything below a folder, on one page
  bleuberi report run_a run_b --output_dir compare   two runs side by side
  bleuberi report runs/demo --no_texts               a page that can be shared without the data

Shows results of data check, data grpo, train, agreement and evaluate, including crashed or unfinished runs."""


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi report", "Create one self-contained page about data, runs and evaluations.", EXAMPLES)
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="folders to search, including subfolders")
    add("--output_dir", type=Path, help="output folder (default: report/ or report_without_texts/ in the first PATH)")
    add("--title", help="the page's heading (the names of the PATHs)")
    add(
        "--no_texts",
        action="store_true",
        help="a page to share: numbers and verdicts, without texts or ids of the data",
    )
    add("--no_figures", action="store_true", help="write no PNG and SVG files")
    add("--json", action="store_true", help="print the files and the page's content as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Write a report."""
    given = make_parser().parse_args(list(argv))
    from bleuberi.report.save import write_report

    first: Path = given.paths[0]
    folder = (first if first.is_dir() else first.parent) / ("report_without_texts" if given.no_texts else "report")
    report = write_report(
        given.paths,
        given.output_dir or folder,
        given.title or "",
        figures=not given.no_figures,
        texts=not given.no_texts,
    )
    if given.json:
        shown = [{"kind": section.kind, "folder": section.folder, "lead": section.lead} for section in report.sections]
        say_json({"page": report.page, "files": report.files, "sections": shown})
        return 0
    for section in report.sections:
        say(f"{section.kind} {section.folder}: {section.lead}".replace(" :", ":"))
    for path in report.files:
        say(path)
    say(f"Open the page in a browser: {report.page.resolve().as_uri()}")
    return 0
