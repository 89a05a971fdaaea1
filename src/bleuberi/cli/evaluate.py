"""`bleuberi evaluate`."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.judge_flags import add_judge_flags, take_judge
from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi evaluate",
        "Compare models by responses to the same prompts; missing ones are generated greedily.",
    )
    add_flags(parser, EvaluationConfig)
    parser.add_argument("--json", action="store_true", help="print evaluation.json's content as one JSON document")
    add_engine_flags(parser)
    shown = ("pairs", "max_new_tokens", "references", "temperature")
    add_judge_flags(parser, "judge", "a model that compares pairs of responses, in both orders", shown)
    return parser


def main(argv: Sequence[str]) -> int:
    """Compare models."""
    arguments = vars(make_parser().parse_args(argv))
    take_engine_options(arguments)
    from bleuberi.evaluation.controls import read_controls
    from bleuberi.evaluation.models import read_models, read_primary
    from bleuberi.evaluation.run import evaluate
    from bleuberi.evaluation.view import evaluation_section
    from bleuberi.view.markdown import write_markdown
    from bleuberi.view.pictures import write_picture
    from bleuberi.view.reading import read_object
    from bleuberi.view.terminal import print_section

    as_json = arguments.pop("json")
    arguments["models"] = read_models(arguments["models"])
    arguments["judge"] = take_judge(arguments, arguments["engine_options"])
    arguments["controls"] = read_controls(arguments["controls"])
    arguments["primary"] = None if arguments["primary"] is None else read_primary(arguments["primary"])
    folder = evaluate(take(arguments, EvaluationConfig)).folder
    section = evaluation_section(folder, "evaluation", folder.name, examples=False)
    write_markdown(folder / "comparison.md", section)
    differences = [chart for chart in section.charts if chart.name.startswith("differences_")]
    if differences:
        write_picture(folder / "differences.png", differences, columns=2)
    if as_json:
        say_json(read_object(folder / "evaluation.json"))
        return 0
    print_section(section)
    say(f"Results are in {folder}")
    return 0
