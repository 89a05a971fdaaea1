"""`bleuberi data grpo|sft`, also `training/create_training_data.py grpo|sft`."""

from __future__ import annotations

import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import REWARD_NAMES, Parser, hide_secrets_in_tracebacks, run, say_made
from bleuberi.cli.stopping import leave
from bleuberi.columns import SHORT_REFERENCE_NAMES
from bleuberi.plain_text import say

_POOL = "yapeichang/BLEUBERI-Tulu3-50k"


def grpo_parser(prog: str) -> Parser:
    """Define the flags of `grpo`."""
    parser = Parser(prog, "Create a GRPO data set from a pool: generate responses, score them, select examples.")
    add = parser.add_argument
    add("--hf_dataset_path", default=_POOL, metavar="POOL", help="hub id, folder, .jsonl/.json/.csv/.parquet file")
    add("--split", default="train", help="split, for data sets with splits (train)")
    known = ", ".join(SHORT_REFERENCE_NAMES)
    add(
        "--ref_models",
        nargs="+",
        default=["gold"],
        metavar="NAME",
        help=f"reference models: columns ref_output_NAME ({known}), or all",
    )
    add("--min_references", type=int, metavar="N", help="references required per row (default: all named; all: 1)")
    add(
        "--selection_mode",
        choices=("random", "easy", "medium", "hard", "signal"),
        default="hard",
        help="hard: lowest scores; signal: prompts whose samples differ most",
    )
    add("--num_examples", type=int, help="number of examples to keep (default: all, sorted)")
    add("--metric", help=REWARD_NAMES)
    add("--model", help="model whose responses are scored: hub id or folder; missing responses are generated")
    add("--output_dir", type=Path, default=Path("../data"), help="folder for data sets and caches")
    add("--output_dataset_name", help="folder name in OUTPUT_DIR/data_grpo (default: generated)")
    add("--inference_max_new_tokens", type=int, default=512, help="maximum tokens per response")
    add("--seed", type=int, default=42, help="random seed for responses and random selection")
    add("--outputs", type=Path, metavar="FILE", help="existing responses: JSONL, Parquet or CSV with id and response")
    add(
        "--generate_missing",
        action="store_true",
        help="generate responses missing from {model}_inference_results.csv (default: drop those rows)",
    )
    add(
        "--shuffle_references",
        type=int,
        metavar="SEED",
        help="placebo: shuffle references among the selected rows, so that no row keeps its own",
    )
    add(
        "--reasoning",
        action="store_true",
        help="add a system prompt that asks for <think> and <answer>; score the answer (answer:METRIC)",
    )
    add("--overwrite", action="store_true", help="replace a data set of that name with different settings")
    add("--json", action="store_true", help="print folder, row count and manifest as one JSON document")
    add_engine_flags(parser)
    _add_signal_flags(parser)
    return parser


def _add_signal_flags(parser: Parser) -> None:
    """Flags of `--selection_mode signal`. They have no default here, so that other modes can reject them."""
    group = parser.add_argument_group("only with --selection_mode signal")
    add = group.add_argument
    add("--num_samples", type=int, default=SUPPRESS, help="samples per prompt, at least 4 (default: 8)")
    add(
        "--stratify", type=_words, default=SUPPRESS, metavar="KINDS",
        help="preserve the pool's distribution of these: source,length or none (default: source,length)",
    )  # fmt: skip
    add("--sample_temperature", type=float, default=SUPPRESS, help="temperature of the planned training (default: 0.9)")
    add("--sample_top_p", type=float, default=SUPPRESS, help="top_p of the planned training (default: 1.0)")
    add("--sample_top_k", type=int, default=SUPPRESS, help="top_k of the planned training; 0 is off (default: 50)")
    add(
        "--max_cut_share", type=float, default=SUPPRESS,
        help="allowed share of empty or cut-off samples per prompt (default: 0.0)",
    )  # fmt: skip


def _words(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(","))


def sft_parser(prog: str) -> Parser:
    """Define the flags of `sft`."""
    parser = Parser(prog, "Create prompt-response pairs from a GRPO data set, one per reference.")
    parser.add_argument("--input_data_path", type=Path, required=True, help="folder of a GRPO data set")
    parser.add_argument("--output_dir", type=Path, default=Path("../data"), help="the pairs go to OUTPUT_DIR/data_sft")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a data set of that name with different settings"
    )
    parser.add_argument("--json", action="store_true", help="print folder, row count and manifest as one JSON document")
    return parser


def grpo(argv: Sequence[str], prog: str = "bleuberi data grpo") -> int:
    """Create a GRPO data set."""
    arguments = vars(grpo_parser(prog).parse_args(argv))
    from bleuberi.selection.config import GrpoDataConfig
    from bleuberi.selection.create import GrpoData, create_grpo_data
    from bleuberi.selection.figure import draw_score_histogram, draw_selection
    from bleuberi.selection.signal import SignalSettings

    arguments["ref_models"] = tuple(arguments["ref_models"])
    take_engine_options(arguments)
    as_json = arguments.pop("json")
    signal = {field.name: arguments.pop(field.name) for field in fields(SignalSettings) if field.name in arguments}

    def draw(folder: Path, made: GrpoData) -> None:
        draw_selection(folder)
        if made.metric and made.signature:
            paths = [folder / f"{made.metric}_distribution.png"]
            if made.scores_path is not None:
                paths.append(made.scores_path.with_name(made.scores_path.stem + "_distribution.png"))
            for path in paths:
                scores = list(made.pool_scores.values()), made.picked_scores
                draw_score_histogram(path, made.metric, made.signature, *scores)

    config = GrpoDataConfig(**arguments, signal=SignalSettings(**signal) if signal else None)
    made = create_grpo_data(config, draw)
    if as_json:
        say_made(made.folder, rows=made.rows, reused=made.reused, generated_now=made.generated_now)
        return 0
    say(f"{made.rows} examples in {made.folder}")
    return 0


def sft(argv: Sequence[str], prog: str = "bleuberi data sft") -> int:
    """Create an SFT data set."""
    arguments = vars(sft_parser(prog).parse_args(argv))
    from bleuberi.selection.sft_pairs import SftDataConfig, create_sft_data

    as_json = arguments.pop("json")
    made = create_sft_data(SftDataConfig(**arguments))
    if as_json:
        say_made(made.folder, rows=made.rows, reused=made.reused)
        return 0
    say(f"{made.rows} prompt-response pairs in {made.folder}")
    return 0


def front_door(argv: Sequence[str]) -> int:
    """Run `training/create_training_data.py grpo` or `sft`."""
    prog = "create_training_data.py"
    parser = Parser(prog, "Create training data from a pool of instructions with reference answers.")
    parser.add_argument("command", choices=("grpo", "sft"), help="kind of data set; `COMMAND --help` lists its flags")
    chosen = parser.parse_args(list(argv[:1])).command
    command = grpo if chosen == "grpo" else sft
    return command(argv[1:], f"{prog} {chosen}")


def main() -> None:
    """Entry point of `training/create_training_data.py`."""
    hide_secrets_in_tracebacks()
    leave(run(front_door, sys.argv[1:]))
