"""`bleuberi report`."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.plain_text import say
from bleuberi.report.config import ReportConfig

EXAMPLES = """\
examples:
  bleuberi report runs/demo                          everything below a folder, on one page
  bleuberi report run_a run_b --output_dir compare   two runs side by side
  bleuberi report runs/demo --no_texts               a page that can be shared without the data

Shows results of data check, data grpo, train, agreement and evaluate, including crashed or unfinished runs."""


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser("bleuberi report", "Create one self-contained page about data, runs and evaluations.", EXAMPLES)
    add_flags(parser, ReportConfig)
    parser.add_argument(
        "--json", action="store_true", help="print the files and the page's content as one JSON document"
    )
    return parser


def main(argv: Sequence[str]) -> int:
    """Write a report."""
    given = make_parser().parse_args(list(argv))
    from bleuberi.report.save import write_report

    report = write_report(take(vars(given), ReportConfig))
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
