"""`bleuberi evaluate`: flags -> config -> one comparison -> table, figure and where they lie. No logic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser
from bleuberi.errors import UserError


def make_parser() -> Parser:
    """The flags."""
    parser = Parser(
        "bleuberi evaluate", "Let models answer prompts greedily, score the answers, and compare with the first model."
    )
    add = parser.add_argument
    add("--models", nargs="+", required=True, metavar="NAME=MODEL", help="hub ids or folders; the first is the base")
    add("--prompts", required=True, metavar="POOL", help="prompts with references, in any form a pool can have")
    add("--output_dir", type=Path, required=True, help="gets evaluation.json, answers.jsonl, table and figure")
    add("--ref_models", nargs="+", default=["gold"], metavar="NAME", help="whose answers are the references")
    add("--min_references", type=int, metavar="N", help="how many of them a prompt needs; without it each (of all: 1)")
    add("--metrics", nargs="+", default=["bleu", "rouge"], metavar="METRIC", help="rewards to score with")
    add("--max_new_tokens", type=int, default=512, help="the most tokens an answer may have")
    add("--cache_dir", type=Path, help="where answers are kept; OUTPUT_DIR/inference_outputs where not given")
    add_engine_flags(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Compare models."""
    arguments = vars(make_parser().parse_args(argv))
    models = []
    for word in arguments.pop("models"):
        name, _, model = word.partition("=")
        if not name or not model:
            raise UserError(f"--models got {word!r}.", "Write NAME=MODEL, e.g. base=Qwen/Qwen2.5-7B.")
        models.append((name, model))
    for name in ("ref_models", "metrics"):
        arguments[name] = tuple(arguments[name])
    take_engine_options(arguments)
    from bleuberi.evaluation.answer_benchmark import EvaluationConfig, evaluate
    from bleuberi.report import evaluation_table as report

    folder = evaluate(EvaluationConfig(models=tuple(models), **arguments)).folder
    saved = report.read_evaluation(folder)
    header, rows = report.table_rows(saved)
    report.write_comparison(saved, folder)
    report.print_table(header, rows)
    for sentence in report.verdicts(saved):
        print(sentence)
    print(f"Everything is in {folder}")
    return 0
