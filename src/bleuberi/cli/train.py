"""`bleuberi train grpo|sft|dpo`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bleuberi.cli.parser import Parser, add_flags, say_made
from bleuberi.errors import UserError
from bleuberi.plain_text import say
from bleuberi.training.config import GRPO_CONFIGS, CommonConfig, SftRunConfig

if TYPE_CHECKING:
    from bleuberi.training.settings.read import Method, RunSettings

_WHAT: Final = {
    "grpo": "with a reference-based reward (TRL's GRPOTrainer)",
    "sft": "on pairs (TRL's SFTTrainer)",
    "dpo": "on pairs of a chosen and a rejected response, of bleuberi data pairs (TRL's DPOTrainer)",
}


def grpo(argv: Sequence[str]) -> int:
    """Train with GRPO."""
    if _help_wanted(argv, "grpo"):
        return 0
    from bleuberi.training.grpo import train_grpo

    return _train("grpo", argv, train_grpo)


def sft(argv: Sequence[str]) -> int:
    """Train with SFT."""
    if _help_wanted(argv, "sft"):
        return 0
    from bleuberi.training.sft import train_sft

    return _train("sft", argv, train_sft)


def dpo(argv: Sequence[str]) -> int:
    """Train with DPO."""
    if _help_wanted(argv, "dpo"):
        return 0
    from bleuberi.training.dpo import train_dpo

    return _train("dpo", argv, train_dpo)


def _train(method: Method, argv: Sequence[str], train: Callable[[RunSettings], Path]) -> int:
    from bleuberi.training.folder.run_folder import read_metrics
    from bleuberi.training.processes import part_processes
    from bleuberi.training.settings.read import check_places, read_settings

    as_json = "--json" in argv  # TRL's parser reads the other flags
    words = [word for word in argv if word != "--json"]
    check_places(method, words)
    settings = read_settings(method, words)
    try:
        folder = train(settings)
    except UserError:  # raised in all processes; a crash in one is handled by its launcher
        part_processes()
        raise
    part_processes()
    if as_json and settings.args.process_index == 0:
        say_made(folder, metrics=read_metrics(folder)[-1:])
    elif not as_json:
        say(folder)
    return 0


def _help_wanted(argv: Sequence[str], method: Method) -> bool:
    # Not TRL's parser: it takes ten seconds to load and prints about 250 flags.
    if "-h" not in argv and "--help" not in argv:
        return False
    say(make_parser(method).format_help(), end="")
    return True


def make_parser(method: Method) -> Parser:
    """The flags for the help: our own, and some of TRL's, whose parser reads them all."""
    parser = Parser(
        f"bleuberi train {method}",
        f"Train {_WHAT[method]}.\nAn interrupted run resumes from its last checkpoint when you run the command again.",
        f"Every field of TRL's {method.upper()}Config and ModelConfig is also a flag, e.g. --max_steps 10\n"
        "--learning_rate 1e-6 --use_peft true --report_to tensorboard. Flags override the file.",
    )
    parser.usage = f"{parser.prog} --config FILE.yaml [--field value ...]"
    add = parser.add_argument
    add("--config", metavar="FILE", help="settings in YAML; the presets are in training/configs/")
    add("--model_name_or_path", metavar="MODEL", help="hub id or model folder")
    add("--output_dir", metavar="FOLDER", help="checkpoints, metrics.jsonl and the finished model")
    add("--json", action="store_true", help="print folder, manifest and last metrics as one JSON document")
    upload = "upload the finished model; private unless you add --hub_private_repo false"
    add("--push_to_hub", metavar="true", help=upload)
    add_flags(parser, CommonConfig)
    if method != "grpo":
        add_flags(parser, SftRunConfig, ["chat_template_kwargs"])
        return parser
    for heading, config in GRPO_CONFIGS.items():
        add_flags(parser.add_argument_group(heading), config)
    return parser
