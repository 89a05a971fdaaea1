"""`bleuberi evaluate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import REWARD_NAMES, Parser, say_json
from bleuberi.errors import UserError
from bleuberi.plain_text import say


def make_parser() -> Parser:
    """Define the flags."""
    parser = Parser(
        "bleuberi evaluate",
        "Compare models by responses to the same prompts; missing ones are generated greedily.",
    )
    add = parser.add_argument
    add(
        "--models",
        nargs="+",
        required=True,
        metavar="NAME=FILE|MODEL",
        help="response files, hub ids or folders; first: the base; seeds of one training: grpo@0=... grpo@1=...",
    )
    add("--prompts", required=True, metavar="POOL", help="prompts with references, in any pool format")
    add("--split", default="train", help="split, for data sets with splits (train)")
    add("--output_dir", type=Path, required=True, help="folder for evaluation.json, answers.jsonl, tables and figure")
    add("--ref_models", nargs="+", default=["gold"], metavar="NAME", help="reference models")
    add("--min_references", type=int, metavar="N", help="references required per prompt (default: all named; all: 1)")
    add(
        "--metrics",
        nargs="+",
        metavar="METRIC",
        help=f"default: bleu, rouge, meteor, and facts if the prompts have them; {REWARD_NAMES}",
    )
    add("--no_references", action="store_true", help="for prompts without references: compare only length and judge")
    add(
        "--controls",
        nargs="+",
        metavar="NAME",
        help="echo, cut, brief[=FILE], long[=FILE], or none (default: all; brief and long rerun the base)",
    )
    add("--placebo", nargs="+", default=[], metavar="GROUP", help="groups trained on shuffled references")
    add(
        "--primary",
        metavar="OTHER:BASE[:METRIC]",
        help="the comparison tested at the full 5 %% level (default: first trained group against the base)",
    )
    add("--trained_on", nargs="+", default=["bleu"], metavar="METRIC", help="training rewards, if not recorded")
    add("--length_control", action="store_true", help=argparse.SUPPRESS)  # its control is always computed now
    add("--untrained", nargs="+", default=[], metavar="GROUP", help="groups that were not trained")
    add(
        "--run_spread",
        type=float,
        metavar="POINTS",
        help="assumed standard deviation of the first score between runs, for groups with one run",
    )
    add(
        "--reasoning",
        action="store_true",
        help="ask for <think> and <answer> (as data grpo --reasoning does) and compare the answers",
    )
    _add_retention_flags(parser)
    add("--max_new_tokens", type=int, default=512, help="maximum tokens per response")
    add("--cache_dir", type=Path, help="cache folder (default: OUTPUT_DIR/inference_outputs)")
    add("--overwrite", action="store_true", help="replace an evaluation that has different settings; keep its cache")
    add("--json", action="store_true", help="print evaluation.json's content as one JSON document")
    add_engine_flags(parser)
    add_judge_flags(parser)
    return parser


def _add_retention_flags(parser: Parser) -> None:
    """What a training did to the rest of the model."""
    add = parser.add_argument
    add(
        "--retention",
        metavar="PROMPTS",
        help="prompts that have nothing to do with the training: KL to the base, drift and diversity on them",
    )
    add(
        "--lm_eval",
        nargs="+",
        default=[],
        metavar="TASK",
        help="also run tasks of lm-evaluation-harness on each model, e.g. ifeval gsm8k (pip install lm_eval)",
    )
    add("--lm_eval_args", default="", metavar="WORDS", help='further flags of lm_eval run, e.g. "--limit 100"')


def add_judge_flags(parser: Parser) -> None:
    """Add the judge's flags as one group."""
    add = parser.add_argument_group("judge", "a model that compares pairs of responses, in both orders").add_argument
    add("--judge", metavar="MODEL", help="the judge's name on its server")
    add("--judge_url", metavar="URL", help="address of an OpenAI-compatible server (default: api.openai.com)")
    add("--judge_api_key_env", default="OPENAI_API_KEY", metavar="NAME", help="environment variable with the key")
    add(
        "--judge_pairs",
        nargs="+",
        default=[],
        metavar="A:B",
        help="pairs of models (default: each against the base, and GRPO against SFT)",
    )
    add("--judge_max_new_tokens", type=int, default=1024, help="maximum tokens per reply, including thinking")
    add("--judge_references", action="store_true", help="show the judge the references, as a benchmark")
    add("--judge_temperature", type=float, default=0.0, help="for judges that do not accept 0")


def main(argv: Sequence[str]) -> int:
    """Compare models."""
    arguments = vars(make_parser().parse_args(argv))
    take_engine_options(arguments)
    as_json = arguments.pop("json")
    from bleuberi.evaluation.config import EvaluationConfig
    from bleuberi.evaluation.controls import read_controls
    from bleuberi.evaluation.models import read_models, read_primary
    from bleuberi.evaluation.run import evaluate
    from bleuberi.evaluation.view import evaluation_section
    from bleuberi.view.markdown import write_markdown
    from bleuberi.view.pictures import write_picture
    from bleuberi.view.reading import read_object
    from bleuberi.view.terminal import print_section

    arguments["models"] = read_models(arguments["models"])
    arguments["judge"] = _take_judge(arguments)
    arguments["controls"] = read_controls(arguments["controls"])
    arguments["primary"] = None if arguments["primary"] is None else read_primary(arguments["primary"])
    del arguments["length_control"]
    for name in ("ref_models", "placebo", "untrained", "trained_on", "lm_eval"):
        arguments[name] = tuple(arguments[name])
    if arguments["metrics"] is not None:
        arguments["metrics"] = tuple(arguments["metrics"])
    folder = evaluate(EvaluationConfig(**arguments)).folder
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


def _pair(word: str) -> tuple[str, str]:
    """`OTHER:BASE` as base and other."""
    other, _, base = word.partition(":")
    if not other or not base:
        raise argparse.ArgumentTypeError(f"{word!r} is not OTHER:BASE, e.g. grpo:base")
    return base, other


def _take_judge(arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - a JudgeConfig or None, loaded only here
    """Remove the judge's flags from `arguments`. Errors: `UserError`."""
    from bleuberi.generation import EngineOptions
    from bleuberi.generation.judge import JudgeConfig
    from bleuberi.generation.options import check_model_name
    from bleuberi.web.address import check_web_address

    names = (
        "judge_url",
        "judge_api_key_env",
        "judge_pairs",
        "judge_max_new_tokens",
        "judge_temperature",
        "judge_references",
    )
    given = {name.removeprefix("judge_"): arguments.pop(name) for name in names}
    model = arguments["judge"]
    if model is None:
        if given["references"]:
            raise UserError("--judge_references does nothing without --judge.", "Name the judge: --judge MODEL.")
        if given["url"] is not None or given["pairs"]:
            raise UserError(
                "--judge_url and --judge_pairs have no effect without --judge.", "Name the judge: --judge MODEL."
            )
        return None
    check_model_name(model, "--judge")
    if given["url"] is not None:
        check_web_address(given["url"].strip(), "--judge_url")
    pairs = []
    for word in given["pairs"]:
        other, _, base = word.partition(":")
        if not other or not base:
            raise UserError(f"Invalid --judge_pairs {word!r}.", "Write A:B, e.g. grpo:sft.")
        pairs.append((other, base))
    engine = arguments["engine_options"]  # the models' engine; the judge shares only its timeouts
    options = EngineOptions(
        base_url=given["url"],
        api_key_env=given["api_key_env"],
        concurrency=engine.concurrency,
        timeout_seconds=engine.timeout_seconds,
    )
    return JudgeConfig(model, tuple(pairs), options, given["max_new_tokens"], given["temperature"], given["references"])
