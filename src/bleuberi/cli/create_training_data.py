"""`bleuberi data grpo|sft`, also `training/create_training_data.py grpo|sft`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, add_flags, hide_secrets_in_tracebacks, run, say_made, take
from bleuberi.cli.stopping import leave
from bleuberi.plain_text import say
from bleuberi.selection.config import GrpoDataConfig, SftDataConfig, SignalSettings

if TYPE_CHECKING:
    from bleuberi.selection.create import GrpoData

_JSON = "print folder, row count and manifest as one JSON document"


def grpo_parser(prog: str) -> Parser:
    """Define the flags of `grpo`."""
    parser = Parser(prog, "Create a GRPO data set from a pool: generate responses, score them, select examples.")
    add_flags(parser, GrpoDataConfig)
    parser.add_argument("--json", action="store_true", help=_JSON)
    add_engine_flags(parser)
    group = parser.add_argument_group("only with --selection_mode signal")  # other modes reject them
    add_flags(group, SignalSettings, unset=True, stratify=_words)
    return parser


def _words(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(","))


def sft_parser(prog: str) -> Parser:
    """Define the flags of `sft`."""
    parser = Parser(prog, "Create prompt-response pairs from a GRPO data set, one per reference.")
    add_flags(parser, SftDataConfig)
    parser.add_argument("--json", action="store_true", help=_JSON)
    return parser


def grpo(argv: Sequence[str], prog: str = "bleuberi data grpo") -> int:
    """Create a GRPO data set."""
    arguments = vars(grpo_parser(prog).parse_args(argv))
    from bleuberi.selection.create import create_grpo_data

    as_json = arguments.pop("json")
    take_engine_options(arguments)
    sampled = any(setting.name in arguments for setting in fields(SignalSettings))
    signal = take(arguments, SignalSettings) if sampled else None
    made = create_grpo_data(take(arguments, GrpoDataConfig, signal=signal), _draw)
    if as_json:
        say_made(made.folder, rows=made.rows, reused=made.reused, generated_now=made.generated_now, hub=made.hub)
        return 0
    say(f"{made.rows} examples in {made.folder}")
    if made.hub is not None:
        say(f"On the hub: {made.hub}")
    return 0


def _draw(folder: Path, made: GrpoData) -> None:
    from bleuberi.selection.figure import draw_score_histogram, draw_selection

    if made.record is not None:
        draw_selection(folder, made.record)
    if made.metric and made.signature:
        paths = [folder / f"{made.metric}_distribution.png"]
        if made.scores_path is not None:
            paths.append(made.scores_path.with_name(made.scores_path.stem + "_distribution.png"))
        for path in paths:
            draw_score_histogram(path, made.metric, made.signature, made.pool_scores, made.picked_scores)


def sft(argv: Sequence[str], prog: str = "bleuberi data sft") -> int:
    """Create an SFT data set."""
    arguments = vars(sft_parser(prog).parse_args(argv))
    from bleuberi.selection.sft_pairs import create_sft_data

    made = create_sft_data(take(arguments, SftDataConfig))
    if arguments["json"]:
        say_made(made.folder, rows=made.rows, reused=made.reused, hub=made.hub)
        return 0
    say(f"{made.rows} prompt-response pairs in {made.folder}")
    if made.hub is not None:
        say(f"On the hub: {made.hub}")
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
