"""`bleuberi benchmark answers` and `bleuberi benchmark scores`: to other harnesses and back. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser
from bleuberi.plain_text import say

NAMES = "mt_bench, arena_hard_v1, arena_hard_v2, wildbench, alpaca_eval"


def answers(argv: Sequence[str]) -> int:
    """Write the answer files that a harness judges."""
    parser = Parser(
        "bleuberi benchmark answers", "Let models answer a harness's questions; its own judge does the rest."
    )
    add = parser.add_argument
    add("--harness", required=True, metavar="NAME", help=NAMES)
    add("--questions", required=True, metavar="FILE", help="the harness's own questions")
    add("--split", default="train", help="of data sets that have splits (train)")
    add("--models", nargs="+", required=True, metavar="NAME=MODEL", help="hub ids or folders; NAME names the file")
    add("--output_dir", type=Path, required=True, help="gets the files, laid out as the harness has them")
    add("--max_new_tokens", type=int, help="the most tokens of an answer; the harness's own limit where not given")
    add("--greedy", action="store_true", help="draw nothing, also where the harness does (MT-Bench, by category)")
    add("--cache_dir", type=Path, help="where answers are kept; OUTPUT_DIR/inference_outputs where not given")
    add_engine_flags(parser)
    arguments = vars(parser.parse_args(argv))
    take_engine_options(arguments)
    from bleuberi.evaluation.models import read_models
    from bleuberi.harnesses.answers import HarnessConfig, write_harness_answers
    from bleuberi.harnesses.formats import find_harness

    harness = find_harness(arguments["harness"])
    arguments["models"] = read_models(arguments["models"])
    for path in write_harness_answers(HarnessConfig(**arguments)):
        say(path)
    say(f"Format: {harness.checked}")
    return 0


def scores(argv: Sequence[str]) -> int:
    """Read what a harness's judge said."""
    parser = Parser("bleuberi benchmark scores", "Read a harness's result files, with intervals over its questions.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="what the harness wrote")
    parser.add_argument("--harness", required=True, metavar="NAME", help=NAMES)
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="wildbench: its questions, whose tags its task-macro score weighs",
    )
    parser.add_argument("--output_dir", type=Path, help="gets benchmark.json")
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
        say(f"Everything is in {arguments.output_dir}")
    return 0
