"""`bleuberi agreement`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bleuberi.agreement.config import (
    AgreementConfig,
    JudgedMargins,
    PairsConfig,
    ReferencesConfig,
    Sureness,
    SystemsConfig,
)
from bleuberi.cli.judge_flags import add_judge_flags, take_judge
from bleuberi.cli.parser import Parser, add_flags, say_json, take
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.plain_text import plain, say

ALL_TEXT_REWARDS = ("bleu", "rouge", "bleu_rouge_f1", "rouge1", "rouge2", "rougeLsum", "meteor", "chrf", "chrf++")

DESCRIPTION = """\
Which reward should I train on? Compares rewards with people's preferences between two responses to a prompt
(--preferences), or with labels of models or responses such as win rates (--outputs), always next to length and other
baselines. With only --pool, rewards are compared by the references: does a score fall if a response is damaged?
Intervals resample prompts. Writes agreement.json and figures, and ends with a one-sentence verdict. Text rewards do
not need torch."""

EXAMPLES = """\
examples:
  bleuberi agreement --preferences pairs.jsonl --rewards bleu rouge --output_dir runs/agreement
  bleuberi agreement --preferences pairs.jsonl --pool pool.jsonl.gz --score_columns rm --combine bleu+rm \\
      --output_dir runs/agreement
  bleuberi agreement --arena BLEUBERI/arena_analysis --output_dir runs/figure_1
  bleuberi agreement --outputs outputs.jsonl --pool pool.jsonl.gz --labels systems.csv --label_column win_rate \\
      --output_dir runs/systems
  bleuberi agreement --pool pool.jsonl --rewards all --output_dir runs/references
  bleuberi agreement --pool pool.jsonl --outputs samples.jsonl --rewards all --output_dir runs/samples

preferences: one row per pair with prompt, response_a, response_b, winner (model_a, model_b, tie or a model's name), or
prompt, chosen, rejected; optional: votes (a list of winners), source, model_a, model_b, ref_output_<model>.
Chatbot Arena's conversation_a and conversation_b also work (last responses; with --arena, first)."""


def parser() -> Parser:
    """Define the flags."""
    flags = Parser("bleuberi agreement", DESCRIPTION, EXAMPLES)
    what = flags.add_mutually_exclusive_group().add_argument
    what("--preferences", metavar="FILE", help="pairs: .jsonl, .jsonl.gz, .parquet, or a hub id owner/name")
    what("--arena", metavar="FOLDER", help="the paper's Figure 1, from the folder arena_analysis of its repository")
    responses = "responses: rows with model, output, and prompt_id or prompt; "
    what("--outputs", metavar="FILE", help=responses + "without --label_column, several samples of one policy")
    add_flags(flags, AgreementConfig, ["output_dir", "rewards"])
    add_flags(flags.add_argument_group("references"), AgreementConfig, ["ref_models", "max_references", "pool"])
    add_flags(flags, PairsConfig, ["split"])
    pairs = flags.add_argument_group("with --preferences")
    add_flags(pairs, PairsConfig, ["sources", "score_columns", "combine", "curve_orders"])
    why = "a model that is asked about the pairs that the first reward can hardly tell apart"
    judge = add_judge_flags(flags, "a judge, with --preferences", why, ("references", "max_new_tokens"))
    add_flags(judge, JudgedMargins, prefix="judge_")
    systems = ["labels", "label_column", "id_column", "pool_id_column", "exclude_systems", "expect_order"]
    add_flags(flags.add_argument_group("with --outputs"), SystemsConfig, systems)
    alone = flags.add_argument_group("with --pool and neither preferences nor labels")
    add_flags(alone, ReferencesConfig, ["num_examples", "model"])
    sureness = flags.add_argument_group("sureness")
    add_flags(sureness, Sureness, ["resamples", "confidence", "seed"], confidence=_share)
    add_flags(flags, AgreementConfig, ["overwrite"])
    flags.add_argument("--no_figures", action="store_true", help="write agreement.json and agreement.md only")
    flags.add_argument("--json", action="store_true", help="print agreement.json's content as one JSON document")
    return flags


def main(argv: Sequence[str]) -> int:
    """Run the command. Errors: `UserError` for problems the user can fix."""
    arguments = vars(parser().parse_args(list(argv)))
    as_json, no_figures = arguments.pop("json"), arguments.pop("no_figures")
    from rich.console import Console

    for module, package in (("scipy", "scipy"), ("vl_convert", "vl-convert-python"))[: 1 if no_figures else 2]:
        if find_spec(module) is None:
            raise MissingExtraError(package, "report", "bleuberi agreement")
    progress = Console(stderr=True, style="dim", soft_wrap=True)
    from bleuberi.agreement.view import agreement_section
    from bleuberi.view.markdown import write_markdown
    from bleuberi.view.terminal import print_section

    folder: Path = arguments["output_dir"]
    run = _prepared(arguments)
    command = ["bleuberi", "agreement", *argv]
    result = run(command, lambda line: progress.print(plain(line), highlight=False, markup=False))
    section = agreement_section(folder, "agreement", folder.name)
    write_markdown(folder / "agreement.md", section)
    written = ["agreement.json", "agreement.md"]
    if not no_figures:
        from bleuberi.view.pictures import write_pictures

        written += [path.name for path in write_pictures(folder, section.charts)]
    if as_json:
        say_json(result)
        return 0
    print_section(section)
    say(f"{folder}: {', '.join(written)}")
    return 0


def _prepared(given: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """The run on pairs, labels, or references only, with its settings. Errors: `UserError` if data are missing."""
    arena, share = given.pop("arena"), given.pop("judge_share")
    given["rewards"] = [name for one in given["rewards"] for name in (ALL_TEXT_REWARDS if one == "all" else [one])]
    given["sureness"] = take(given, Sureness)
    if given["preferences"] or arena:
        from bleuberi.agreement.run_pairs import run_pairs

        if not given["rewards"] and not given["score_columns"] and not arena:
            raise UserError("There are no scores to compare.", "Give --rewards, --score_columns, or both.")
        judge = take_judge(given)
        judged = None if judge is None else JudgedMargins(judge, share)
        if judged is not None:
            judged.check()
        given["preferences"] = given["preferences"] or arena
        return partial(run_pairs, take(given, PairsConfig, arena=bool(arena), judged=judged))
    if given["outputs"] and (given["label_column"] or not given["pool"]):
        from bleuberi.agreement.run_systems import run_systems

        if not given["label_column"]:
            raise UserError("--outputs needs --label_column.", "Give the column of --labels with the models' labels.")
        return partial(run_systems, take(given, SystemsConfig))
    if given["pool"]:
        from bleuberi.agreement.run_references import run_references

        return partial(run_references, take(given, ReferencesConfig))
    raise UserError(
        "There are no data to compare rewards with.",
        "Give --preferences, or --outputs with --label_column, or --pool to compare by references only.",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text} must be between 0 and 1")
    return value
