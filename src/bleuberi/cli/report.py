"""`bleuberi report`: folders -> one page -> where it lies and how to open it. No logic."""

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

Shown is what data check, data grpo, train, agreement and evaluate left, also of runs that crashed or still go on."""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser("bleuberi report", "One self-contained page about data, runs and evaluations.", EXAMPLES)
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="folders to look through, with everything below them")
    add(
        "--output_dir",
        type=Path,
        help="gets report.html, numbers.json and figures/ (the first PATH's report/ or report_without_texts/)",
    )
    add("--title", help="the page's heading (the names of the PATHs)")
    add("--no_texts", action="store_true", help="a page to share: numbers and verdicts, no text or id of the data")
    add("--no_figures", action="store_true", help="write no PNG and SVG files")
    add("--json", action="store_true", help="print the files and what the page shows as one JSON document")
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
