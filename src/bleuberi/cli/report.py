"""`bleuberi report`: folders -> one page -> where it lies and how to open it. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.parser import Parser, say_json
from bleuberi.cli.streams import results_alone
from bleuberi.plain_text import say

EXAMPLES = """\
examples:
  bleuberi report runs/demo                          everything below a folder, on one page
  bleuberi report run_a run_b --output_dir compare   two runs side by side

Shown is what data check, data grpo, train, agreement and evaluate left, also of runs that crashed or still go on."""


def make_parser() -> Parser:
    """The flags."""
    parser = Parser("bleuberi report", "One self-contained page about data, runs and evaluations.", EXAMPLES)
    add = parser.add_argument
    add("paths", nargs="+", type=Path, metavar="PATH", help="folders to look through, with everything below them")
    add("--output_dir", type=Path, help="gets report.html, numbers.json and figures/ (the first PATH's report/)")
    add("--title", help="the page's heading (the names of the PATHs)")
    add("--no_figures", action="store_true", help="write no PNG and SVG files")
    add("--json", action="store_true", help="print the files and what the page shows as one JSON document")
    return parser


def main(argv: Sequence[str]) -> int:
    """Write a report."""
    given = make_parser().parse_args(list(argv))
    from bleuberi.report.page.save import write_report

    homes: list[Path] = [path if path.is_dir() else path.parent for path in given.paths]
    title = given.title or ", ".join(dict.fromkeys(home.resolve().name for home in homes))
    with results_alone(given.json):
        report = write_report(given.paths, given.output_dir or homes[0] / "report", title, figures=not given.no_figures)
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
