"""`bleuberi agreement`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.cli.parser import REWARD_NAMES, Parser, say_json
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.plain_text import plain, say

if TYPE_CHECKING:
    from bleuberi.agreement.analysis import Sureness

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
    what = flags.add_mutually_exclusive_group()
    what.add_argument(
        "--preferences", metavar="FILE", help="pairs: .jsonl, .jsonl.gz, .parquet, or a hub id owner/name"
    )
    what.add_argument(
        "--arena", metavar="FOLDER", help="the paper's Figure 1, from the folder arena_analysis of its repository"
    )
    what.add_argument(
        "--outputs",
        metavar="FILE",
        help="responses: rows with model, output, and prompt_id or prompt; "
        "without --label_column, several samples of one policy",
    )
    flags.add_argument(
        "--output_dir", type=Path, required=True, metavar="DIR", help="folder for agreement.json and figures"
    )
    flags.add_argument(
        "--rewards", nargs="*", default=["bleu", "rouge", "bleu_rouge_f1"], metavar="NAME",
        help=f"{REWARD_NAMES}, or all; the verdict is about the first (default: bleu rouge bleu_rouge_f1)",
    )  # fmt: skip
    references = flags.add_argument_group("references")
    references.add_argument(
        "--ref_models", nargs="+", default=[], metavar="MODEL",
        help="reference models, in order of preference (default: all ref_output_ columns in file order)",
    )  # fmt: skip
    references.add_argument("--max_references", type=_positive, default=5, metavar="K", help="at most K per prompt (5)")
    references.add_argument(
        "--pool",
        metavar="FILE",
        help="pool with the references, joined by prompt; without other data: compare rewards by its references",
    )
    flags.add_argument("--split", default="train", help="split, for data sets with splits (train)")
    pairs = flags.add_argument_group("with --preferences")
    pairs.add_argument("--sources", nargs="+", default=[], metavar="NAME", help="only rows of these sources")
    pairs.add_argument(
        "--score_columns", nargs="+", default=[], metavar="NAME",
        help="precomputed scores in columns NAME_a and NAME_b (for chosen/rejected: NAME_chosen, NAME_rejected)",
    )  # fmt: skip
    pairs.add_argument(
        "--combine", nargs="+", default=[], metavar="A+B",
        help="mixes of scores, each as z-scored mean and as cross-validated logistic mix "
        "(default: the first reward with every score column, and with longer_words)",
    )  # fmt: skip
    pairs.add_argument(
        "--curve_orders", type=_count, default=5, metavar="N",
        help="sampled reference orders for the curve over 1..K references; 0: no curve (5)",
    )  # fmt: skip
    _add_later_groups(flags)
    flags.add_argument("--overwrite", action="store_true", help="replace a result with different settings")
    flags.add_argument("--no_figures", action="store_true", help="write agreement.json and agreement.md only")
    flags.add_argument("--json", action="store_true", help="print agreement.json's content as one JSON document")
    return flags


def _add_later_groups(flags: Parser) -> None:
    systems = flags.add_argument_group("with --outputs")
    systems.add_argument("--labels", metavar="FILE", help=".csv or .jsonl with model and label (default: --outputs)")
    systems.add_argument("--label_column", metavar="NAME", help="win rate, Elo, judge's score ...; higher is better")
    systems.add_argument(
        "--id_column", default="prompt_id", metavar="NAME", help="column with the prompt id in --outputs (prompt_id)"
    )
    systems.add_argument(
        "--pool_id_column", default="id", metavar="NAME", help="column with the prompt id in --pool (id)"
    )
    systems.add_argument(
        "--exclude_systems", nargs="+", default=[], metavar="MODEL",
        help="also exclude these models (models used as references are always excluded)",
    )  # fmt: skip
    systems.add_argument(
        "--expect_order", nargs="+", default=[], metavar="A<B<C",
        help="expected orders of models' mean scores to check, e.g. 'base<sft<bleu'",
    )  # fmt: skip
    alone = flags.add_argument_group("with --pool and neither preferences nor labels")
    alone.add_argument(
        "--num_examples", type=_positive, default=500, metavar="N", help="number of prompts, drawn at random (500)"
    )
    alone.add_argument("--model", metavar="NAME", help="model whose rows to use, if --outputs has several")
    sureness = flags.add_argument_group("sureness")
    sureness.add_argument(
        "--resamples", type=_positive, default=10_000, metavar="N", help="bootstrap resamples (10000)"
    )
    sureness.add_argument(
        "--confidence", type=_share, default=0.95, metavar="P", help="confidence level of the intervals (0.95)"
    )
    sureness.add_argument("--seed", type=_count, default=0, help="random seed for resamples, orders and folds (0)")


def main(argv: Sequence[str]) -> int:
    """Run the command. Errors: `UserError` for problems the user can fix."""
    given = parser().parse_args(list(argv))
    command = ["bleuberi", "agreement", *argv]
    from rich.console import Console

    for module, package in (("scipy", "scipy"), ("vl_convert", "vl-convert-python"))[: 1 if given.no_figures else 2]:
        if find_spec(module) is None:
            raise MissingExtraError(package, "report", "bleuberi agreement")
    progress = Console(stderr=True, style="dim", soft_wrap=True)
    from bleuberi.agreement.analysis import Sureness
    from bleuberi.agreement.view import agreement_section
    from bleuberi.view.markdown import write_markdown
    from bleuberi.view.terminal import print_section

    sureness = Sureness(given.resamples, given.seed, given.confidence)
    given.rewards = [name for asked in given.rewards for name in (ALL_TEXT_REWARDS if asked == "all" else (asked,))]
    run = _kind_of_run(given)
    result = run(given, command, sureness, lambda line: progress.print(plain(line), highlight=False, markup=False))
    section = agreement_section(given.output_dir, "agreement", given.output_dir.name)
    write_markdown(given.output_dir / "agreement.md", section)
    written = ["agreement.json", "agreement.md"]
    if not given.no_figures:
        from bleuberi.view.pictures import write_pictures

        written += [path.name for path in write_pictures(given.output_dir, section.charts)]
    if given.json:
        say_json(result)
        return 0
    print_section(section)
    say(f"{given.output_dir}: {', '.join(written)}")
    return 0


def _kind_of_run(given: argparse.Namespace) -> Callable[..., dict[str, Any]]:
    """Choose pairs, labels, or references only. Errors: `UserError` if all data are missing."""
    if given.preferences or given.arena:
        return _run_pairs
    if given.outputs and (given.label_column or not given.pool):
        return _run_systems
    if given.pool:
        return _run_references
    raise UserError(
        "There are no data to compare rewards with.",
        "Give --preferences, or --outputs with --label_column, or --pool to compare by references only.",
    )


def _run_references(
    given: argparse.Namespace, command: list[str], sureness: Sureness, log: Callable[[str], None]
) -> dict[str, Any]:
    from bleuberi.agreement.run_references import ReferencesConfig, run_references

    config = ReferencesConfig(
        pool=given.pool, output_dir=given.output_dir, rewards=tuple(given.rewards), ref_models=tuple(given.ref_models),
        max_references=given.max_references, outputs=given.outputs, model=given.model,
        num_examples=given.num_examples, sureness=sureness, overwrite=given.overwrite,
    )  # fmt: skip
    return run_references(config, command, log)


def _run_pairs(
    given: argparse.Namespace, command: list[str], sureness: Sureness, log: Callable[[str], None]
) -> dict[str, Any]:
    from bleuberi.agreement.run_pairs import PairsConfig, run_pairs

    if not given.rewards and not given.score_columns and not given.arena:
        raise UserError("There are no scores to compare.", "Give --rewards, --score_columns, or both.")
    config = PairsConfig(
        preferences=given.preferences or given.arena, output_dir=given.output_dir, rewards=tuple(given.rewards),
        score_columns=tuple(given.score_columns), combine=tuple(given.combine), ref_models=tuple(given.ref_models),
        max_references=given.max_references, pool=given.pool, sources=tuple(given.sources), split=given.split,
        curve_orders=given.curve_orders, sureness=sureness, arena=bool(given.arena), overwrite=given.overwrite,
    )  # fmt: skip
    return run_pairs(config, command, log)


def _run_systems(
    given: argparse.Namespace, command: list[str], sureness: Sureness, log: Callable[[str], None]
) -> dict[str, Any]:
    from bleuberi.agreement.run_systems import SystemsConfig, run_systems

    if not given.label_column:
        raise UserError("--outputs needs --label_column.", "Give the column of --labels with the models' labels.")
    config = SystemsConfig(
        outputs=given.outputs, output_dir=given.output_dir, label_column=given.label_column, labels=given.labels,
        rewards=tuple(given.rewards), ref_models=tuple(given.ref_models), max_references=given.max_references,
        pool=given.pool, id_column=given.id_column, pool_id_column=given.pool_id_column, split=given.split,
        exclude_systems=tuple(given.exclude_systems), expect_order=tuple(given.expect_order), sureness=sureness,
        overwrite=given.overwrite,
    )  # fmt: skip
    return run_systems(config, command, log)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} must be at least 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text} must be between 0 and 1")
    return value
