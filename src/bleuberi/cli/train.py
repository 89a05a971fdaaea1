"""`bleuberi train grpo|sft`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bleuberi.cli.parser import say_made
from bleuberi.errors import UserError
from bleuberi.plain_text import say

if TYPE_CHECKING:
    from bleuberi.training.settings.read import Method, RunSettings

_HELP = """usage: bleuberi train {method} --config FILE.yaml [--field value ...]

Train {what}. An interrupted run resumes from its last checkpoint when you run the command again.

  --config FILE           settings in YAML; the presets are in training/configs/
  --dataset_path FOLDER   the {kind} data set
  --model_name_or_path M  hub id or model folder
  --output_dir FOLDER     checkpoints, metrics.jsonl and the finished model
  --json                  print folder, manifest and last metrics as one JSON document
  --base_template paper   prompt format of the paper's code, for base models without a template (plain){extra}

Every field of TRL's {config} and ModelConfig is also a flag, e.g. --max_steps 10 --learning_rate 1e-6
--use_peft true --report_to tensorboard. Flags override the file.
"""


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


def _help_wanted(argv: Sequence[str], method: str) -> bool:
    # Not TRL's parser: it takes ten seconds to load and prints about 250 flags.
    if "-h" not in argv and "--help" not in argv:
        return False
    rewards = "\n  --reward_funcs NAME...  bleu, rouge, meteor, chrf (rouge:auto, answer:bleu), or package.module:Class"
    prompts = "\n  --max_prompt_tokens N   rows with longer prompts are dropped and counted (512)"
    watched = "\n  --low_signal_gate true  groups whose rewards hardly differ get no advantage (docs/monitor.md)"
    prompts += (
        "\n  --reasoning true        ask for <think> and <answer>; rewards score the answer (needs the reward format)"
    )
    watched += "\n  --stop_on_warning true  stop the run with a checkpoint if the reward is gamed"
    is_grpo = method == "grpo"
    say(
        _HELP.format(
            method=method,
            what="with a reference-based reward (TRL's GRPOTrainer)" if is_grpo else "on pairs (TRL's SFTTrainer)",
            kind=method.upper(),
            config="GRPOConfig" if is_grpo else "SFTConfig",
            extra=rewards + prompts + watched if is_grpo else "",
        ),
        end="",
    )
    return True
