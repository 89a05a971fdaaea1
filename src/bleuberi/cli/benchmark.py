"""`bleuberi benchmark answers` and `bleuberi benchmark scores`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.harnesses.config import HarnessConfig
from bleuberi.plain_text import say


def answers(argv: Sequence[str]) -> int:
    """Write response files for a harness to judge."""
    parser = Parser(
        "bleuberi benchmark answers", "Generate models' responses to a harness's questions, for its own judge."
    )
    add_flags(parser, HarnessConfig)
    add_engine_flags(parser)
    arguments = vars(parser.parse_args(argv))
    take_engine_options(arguments)
    from bleuberi.evaluation.models import read_models
    from bleuberi.harnesses.answers import write_harness_answers
    from bleuberi.harnesses.formats import find_harness

    harness = find_harness(arguments["harness"])
    arguments["models"] = read_models(arguments["models"])
    for path in write_harness_answers(take(arguments, HarnessConfig)):
        say(path)
    say(f"Format: {harness.checked}")
    return 0


def scores(argv: Sequence[str]) -> int:
    """Read a harness's judge results."""
    parser = Parser(
        "bleuberi benchmark scores", "Read a harness's result files and compute intervals over its questions."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="result files of the harness")
    add_flags(parser, HarnessConfig, ["harness"])
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="wildbench: its question file, whose tags weight the task-macro score",
    )
    parser.add_argument("--output_dir", type=Path, help="folder for benchmark.json")
    arguments = parser.parse_args(argv)
    from bleuberi.artifacts import write_json
    from bleuberi.harnesses.results import read_harness_results
    from bleuberi.harnesses.view import benchmark_table
    from bleuberi.view.terminal import print_table

    content = read_harness_results(arguments.harness, arguments.files, arguments.questions)
    print_table(benchmark_table(content))
    for warning in content["warnings"]:
        say(f"Note: {warning}")
    if arguments.output_dir is not None:
        write_json(arguments.output_dir / "benchmark.json", content)
        say(f"Results are in {arguments.output_dir}")
    return 0
