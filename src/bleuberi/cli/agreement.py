"""`bleuberi agreement`: flags in, one call, where the result lies."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.cli.parser import REWARD_NAMES, Parser, say_json
from bleuberi.errors import MissingExtraError, UserError
from bleuberi.plain_text import plain

if TYPE_CHECKING:
    from bleuberi.agreement.analysis import Sureness

LOG_WIDTH = 160
ALL_TEXT_REWARDS = ("bleu", "rouge", "bleu_rouge_f1", "rouge1", "rouge2", "rougeLsum", "meteor", "chrf", "chrf++")

DESCRIPTION = """\
Which reward should I train on? Compares rewards with people's preferences between two responses to a prompt
(--preferences), or with labels of models or answers such as win rates (--outputs), always beside length and other
baselines. With --pool alone, rewards are chosen by the references: does a score fall if an answer is damaged?
Intervals resample prompts. Writes agreement.json and figures, and ends in one plain sentence. Needs no torch for the
text rewards."""

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

preferences: one row a pair with prompt, response_a, response_b, winner (model_a, model_b, tie, or the model's name), or
prompt, chosen, rejected; where known also votes (a list of winners), source, model_a, model_b, ref_output_<model>.
Chatbot Arena's conversation_a and conversation_b are read too: their last responses count, with --arena the first."""


def parser() -> Parser:
    """The flags of the command."""
    flags = Parser("bleuberi agreement", DESCRIPTION, EXAMPLES)
    what = flags.add_mutually_exclusive_group()
    what.add_argument(
        "--preferences", metavar="FILE", help="pairs: .jsonl, .jsonl.gz, .parquet, or a hub id owner/name"
    )
    what.add_argument(
        "--arena", metavar="FOLDER", help="the paper's Figure 1: the folder arena_analysis of its repository"
    )
    what.add_argument(
        "--outputs",
        metavar="FILE",
        help="answers: rows with model, output, and prompt_id or prompt; "
        "without --label_column several samples of one policy",
    )
    flags.add_argument(
        "--output_dir", type=Path, required=True, metavar="DIR", help="where agreement.json and figures go"
    )
    flags.add_argument(
        "--rewards", nargs="*", default=["bleu", "rouge", "bleu_rouge_f1"], metavar="NAME",
        help=f"{REWARD_NAMES}, or all text rewards; the verdict is about the first (default: bleu rouge bleu_rouge_f1)",
    )  # fmt: skip
    references = flags.add_argument_group("references")
    references.add_argument(
        "--ref_models", nargs="+", default=[], metavar="MODEL",
        help="reference models in the order they are taken (default: all ref_output_ columns in their order)",
    )  # fmt: skip
    references.add_argument("--max_references", type=_positive, default=5, metavar="K", help="at most K a prompt (5)")
    references.add_argument(
        "--pool",
        metavar="FILE",
        help="take references from this pool, joined by prompt; alone: choose by its references",
    )
    flags.add_argument("--split", default="train", help="of data sets that have splits (train)")
    pairs = flags.add_argument_group("with --preferences")
    pairs.add_argument("--sources", nargs="+", default=[], metavar="NAME", help="rows of these sources only")
    pairs.add_argument(
        "--score_columns", nargs="+", default=[], metavar="NAME",
        help="scores made elsewhere, columns NAME_a and NAME_b (with chosen, rejected: NAME_chosen, NAME_rejected)",
    )  # fmt: skip
    pairs.add_argument(
        "--combine", nargs="+", default=[], metavar="A+B",
        help="mixes, each as z-scored mean and as cross-validated logistic mix "
        "(default: the first reward with every score column, and with longer_words)",
    )  # fmt: skip
    pairs.add_argument(
        "--curve_orders", type=_count, default=5, metavar="N",
        help="orders of references sampled for the curve over 1..K references; 0 leaves it out (5)",
    )  # fmt: skip
    _add_later_groups(flags)
    flags.add_argument("--overwrite", action="store_true", help="replace a result with different settings")
    flags.add_argument("--no_figures", action="store_true", help="write agreement.json and agreement.md only")
    flags.add_argument("--json", action="store_true", help="print agreement.json's content as one JSON document")
    return flags


def _add_later_groups(flags: Parser) -> None:
    systems = flags.add_argument_group("with --outputs")
    systems.add_argument(
        "--labels", metavar="FILE", help=".csv or .jsonl with model and the label (default: --outputs)"
    )
    systems.add_argument("--label_column", metavar="NAME", help="win rate, Elo, judge's score ...; higher is better")
    systems.add_argument(
        "--id_column", default="prompt_id", metavar="NAME", help="prompt's id in --outputs (prompt_id)"
    )
    systems.add_argument("--pool_id_column", default="id", metavar="NAME", help="the same in --pool (id)")
    systems.add_argument(
        "--exclude_systems", nargs="+", default=[], metavar="MODEL",
        help="leave these out besides models that serve as references",
    )  # fmt: skip
    systems.add_argument(
        "--expect_order", nargs="+", default=[], metavar="A<B<C",
        help="orders of models to check by mean score, e.g. 'base<sft<bleu'",
    )  # fmt: skip
    alone = flags.add_argument_group("with --pool and neither preferences nor labels")
    alone.add_argument(
        "--num_examples", type=_positive, default=500, metavar="N", help="prompts, drawn by the seed (500)"
    )
    alone.add_argument("--model", metavar="NAME", help="whose rows of --outputs are the samples, if it has several")
    sureness = flags.add_argument_group("sureness")
    sureness.add_argument(
        "--resamples", type=_positive, default=10_000, metavar="N", help="bootstrap resamples (10000)"
    )
    sureness.add_argument("--confidence", type=_share, default=0.95, metavar="P", help="of the intervals (0.95)")
    sureness.add_argument("--seed", type=_count, default=0, help="of resamples, orders and folds (0)")


def main(argv: Sequence[str]) -> int:
    """Run the command. Errors: `UserError` for what the user can mend."""
    given = parser().parse_args(list(argv))
    command = ["bleuberi", "agreement", *argv]
    from rich.console import Console

    for package in ("scipy",) if given.no_figures else ("scipy", "matplotlib"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "report", "bleuberi agreement")
    console = Console()
    if not console.is_terminal:
        console = Console(width=LOG_WIDTH)  # a log has no width of its own
    progress = Console(stderr=True, style="dim", soft_wrap=True)
    from bleuberi.agreement.analysis import Sureness
    from bleuberi.agreement.table import print_agreement

    sureness = Sureness(given.resamples, given.seed, given.confidence)
    given.rewards = [name for asked in given.rewards for name in (ALL_TEXT_REWARDS if asked == "all" else (asked,))]
    run = _kind_of_run(given)
    result = run(given, command, sureness, lambda line: progress.print(plain(line), highlight=False, markup=False))
    if not given.json:
        print_agreement(result, console)
    written = ["agreement.json", "agreement.md"]
    if not given.no_figures:
        from bleuberi.agreement.figures import draw_agreement

        written += [path.name for path in draw_agreement(given.output_dir / "agreement.json")]
    if given.json:
        say_json(result)
        return 0
    console.print(plain(f"{given.output_dir}: {', '.join(written)}"), style="dim", highlight=False, markup=False)
    return 0


def _kind_of_run(given: argparse.Namespace) -> Callable[..., dict[str, Any]]:
    """Pairs, labels, or references alone. Errors: `UserError` if there is nothing to compare rewards with."""
    if given.preferences or given.arena:
        return _run_pairs
    if given.outputs and (given.label_column or not given.pool):
        return _run_systems
    if given.pool:
        return _run_references
    raise UserError(
        "There is nothing to compare rewards with.",
        "Give --preferences, or --outputs with --label_column, or --pool to choose by references alone.",
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
        raise UserError("There is nothing to compare.", "Give --rewards, --score_columns, or both.")
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
        raise UserError("--outputs needs --label_column.", "Name the column of --labels to compare the models by.")
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
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value
