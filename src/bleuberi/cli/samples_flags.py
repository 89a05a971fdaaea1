"""The flags of every command that reads several scored responses per prompt."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import REWARD_NAMES, Parser

if TYPE_CHECKING:
    from bleuberi.selection.scored_samples import SamplesConfig


def add_samples_flags(parser: Parser) -> None:
    """Add them, and those of the engine."""
    add = parser.add_argument
    add("--input_data_path", required=True, metavar="DATA", help="a GRPO data set (folder), or a pool")
    add("--split", default="train", help="of data sets that have splits (train)")
    add("--ref_models", nargs="+", default=["all"], metavar="NAME", help="references of a pool (all)")
    add("--min_references", type=int, metavar="N", help="how many of them a row of a pool needs")
    add(
        "--outputs",
        type=Path,
        metavar="FILE",
        help="the samples: one row each with id and response; a column of scores is used if there is one",
    )
    add("--model", help="whose samples: cached ones first, the rest drawn now; of a `signal` data set its own model")
    add("--metric", help=f"{REWARD_NAMES}; without it the reward of the data set, or the column `score` of FILE")
    add("--num_samples", type=int, help="samples per prompt, the first ones of FILE (those of the data set, else 8)")
    add("--sample_temperature", type=float, help="of samples that are drawn (of the data set, else 0.9)")
    add("--sample_top_p", type=float, help="of samples that are drawn (of the data set, else 1.0)")
    add("--sample_top_k", type=int, help="of samples that are drawn; 0 is off (of the data set, else 50)")
    add("--inference_max_new_tokens", type=int, help="the most tokens of a sample (of the data set, else 512)")
    add("--seed", type=int, help="of samples that are drawn (of the data set, else 42)")
    add("--output_dir", type=Path, help="where data sets and caches are (where the GRPO data set is, else ../data)")
    add_engine_flags(parser)


def take_samples_config(arguments: dict[str, Any]) -> SamplesConfig:
    """Take the parsed flags out of `arguments`. Errors: `UserError`."""
    from bleuberi.selection.scored_samples import SamplesConfig

    take_engine_options(arguments)
    arguments["ref_models"] = tuple(arguments["ref_models"])
    return SamplesConfig(**{field.name: arguments.pop(field.name) for field in fields(SamplesConfig)})
