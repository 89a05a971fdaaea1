"""`bleuberi data bestof` and `data pairs`: flags -> config -> one data set -> where it is. No logic."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.cli.parser import Parser, add_flags, say_made, take
from bleuberi.cli.samples_flags import add_samples_flags, take_samples_config
from bleuberi.plain_text import say
from bleuberi.selection.config import BestConfig, Kind

_BESTOF = """examples:
  bleuberi data bestof --input_data_path data/data_grpo/NAME                                 samples of `signal`
  bleuberi data bestof --input_data_path pool.jsonl --outputs samples.jsonl --metric bleu    samples of a file

One row per prompt: `prompt` and `completion`, the sample with the highest score, for bleuberi train sft. Cut and empty
samples are left out. The data set is saved in OUTPUT_DIR/data_sft/NAME_bestofK.
"""
_PAIRS = """examples:
  bleuberi data pairs --input_data_path data/data_grpo/NAME --min_margin 0.05
  bleuberi data pairs --input_data_path pool.jsonl --outputs samples.jsonl --metric bleu

One row per prompt: `prompt`, `chosen` (the highest score) and `rejected` (the lowest), for bleuberi train dpo. Cut
and empty samples are left out; prompts with equal scores are dropped and counted. The data set is saved in
OUTPUT_DIR/data_dpo/NAME_pairsK.
"""


def make_parser(kind: Kind) -> Parser:
    """The flags."""
    what = "SFT data from the best of several samples." if kind == "bestof" else "DPO data from scored samples."
    parser = Parser(f"bleuberi data {kind}", what, _BESTOF if kind == "bestof" else _PAIRS)
    add_samples_flags(parser)
    names = ["output_dataset_name", "overwrite", "push_to_hub", "hub_public"]
    add_flags(parser, BestConfig, ["min_margin", *names] if kind == "pairs" else names)
    parser.add_argument("--json", action="store_true", help="print folder, rows and manifest as one JSON document")
    return parser


def bestof(argv: Sequence[str]) -> int:
    """Make an SFT data set of the best samples."""
    return _main("bestof", argv)


def pairs(argv: Sequence[str]) -> int:
    """Make a DPO data set."""
    return _main("pairs", argv)


def _main(kind: Kind, argv: Sequence[str]) -> int:
    arguments = vars(make_parser(kind).parse_args(argv))
    from bleuberi.selection.best_of import create_best_data

    as_json = arguments.pop("json")
    samples = take_samples_config(arguments)
    made = create_best_data(take(arguments, BestConfig, kind=kind, samples=samples))
    if as_json:
        say_made(made.folder, rows=made.rows, reused=made.reused, generated_now=made.generated_now, hub=made.hub)
    else:
        say(f"{made.rows:,} rows in {made.folder}")
        if made.hub is not None:
            say(f"On the hub: {made.hub}")
    return 0
