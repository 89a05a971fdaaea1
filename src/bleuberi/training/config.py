"""Our own settings of a training run, next to TRL's. Loads nothing heavy, because they are also flags.

TRL's parser makes the flags and `bleuberi train ... --help` lists them, both from these fields. A run has all of them;
SFT and DPO use only those of `CommonConfig` and `SftRunConfig`.
"""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass, fields
from typing import Any, Final, Literal

from bleuberi.errors import UserError
from bleuberi.flags import flag

BEST_BY: Final = ("reward", "score")


@dataclass(frozen=True)
class CommonConfig:
    """The settings of every method."""

    dataset_path: str = flag("", "folder of the GRPO, SFT or DPO data set", metavar="FOLDER")
    base_template: Literal["plain", "paper"] = flag(
        "plain",
        "prompt format for base models without a template: plain turns, or as in the paper's code",
        choices=("plain", "paper"),
    )
    use_kernels: bool = flag(
        False, "load the model with the Hub's kernels for its layers; needs the package kernels and a GPU"
    )


@dataclass(frozen=True)
class RewardConfig:
    """The rewards and prompts of GRPO."""

    reward_funcs: list[str] = flag(
        ["bleu"],
        "bleu, rouge, meteor, chrf, ... (also rouge:auto, answer:bleu; docs/rewards.md), or package.module:Class; "
        "their weights: --reward_weights",
        metavar="NAME",
    )
    max_prompt_tokens: int = flag(512, "rows with longer prompts are dropped and counted", metavar="N")
    reasoning: bool = flag(
        False, "ask for <think> and <answer>; rewards score the answer (also needs the reward format)"
    )
    fit_completions: float = flag(
        0.0,
        "lower max_completion_length so that this share of the references still fits; 0: leave it unchanged",
        metavar="SHARE",
    )
    warm_start: str = flag("", "first train on the references with this SFT config (default: do not)", metavar="FILE")

    def __post_init__(self) -> None:
        if not 0 <= self.fit_completions <= 1:
            raise UserError(
                f"fit_completions is {self.fit_completions}.", "Give a share, e.g. 0.95; 0 switches it off."
            )
        given: object = self.reward_funcs
        # `reward_funcs: bleu` in a YAML file arrives as a text; its letters are not rewards.
        names = [given] if isinstance(given, str) else [str(name) for name in self.reward_funcs]
        if not names:
            raise UserError("reward_funcs is empty.", "Name a reward, e.g. --reward_funcs bleu.")
        if self.reasoning:
            from bleuberi.training.reasoning import rewards_of_answers

            names = rewards_of_answers(names)
        object.__setattr__(self, "reward_funcs", names)


@dataclass(frozen=True)
class GateConfig:
    """The low-signal gate of GRPO; `docs/monitor.md` argues the defaults."""

    low_signal_gate: bool = flag(
        False, "give a group whose rewards hardly differ its mean reward, so that it has no advantages"
    )
    low_signal_spread: float = flag(
        0.001, "rewards hardly differ below this standard deviation, in the reward's own units", metavar="SPREAD"
    )
    low_signal_floor_share: float = flag(
        0.1, "the same limit, as a share of the score that BLEU's smoothing gives to any text", metavar="SHARE"
    )

    def __post_init__(self) -> None:
        for name in ("low_signal_spread", "low_signal_floor_share"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"{name} is {value}.", "Give a number of at least 0; 0 switches this threshold off.")
        if self.low_signal_floor_share > 1:
            raise UserError(
                f"low_signal_floor_share is {self.low_signal_floor_share}.", "Give a share from 0 to 1, e.g. 0.1."
            )


@dataclass(frozen=True)
class MonitorConfig:
    """The monitor of GRPO, which does not change what is learned. `docs/monitor.md` argues the defaults."""

    warn_correlation: float = flag(
        0.9, "warn above this rank correlation of the reward with length, or with copying", metavar="LIMIT"
    )
    warn_reward_drop: float = flag(
        0.25, "warn if the mean reward falls below its best by this share of the best", metavar="LIMIT"
    )
    warn_copied_share: float = flag(
        0.1, "warn if completions copy from the prompt this much more than the references do and than at the start",
        metavar="LIMIT",
    )  # fmt: skip
    warn_distinct_drop: float = flag(
        0.5, "warn if the share of distinct 4-grams in a prompt's completions falls by this share of its start",
        metavar="LIMIT",
    )  # fmt: skip
    warn_repeated_share: float = flag(
        0.5, "warn above this share of repeated 4-grams, if it has risen by 0.2", metavar="LIMIT"
    )
    warn_clipped_share: float = flag(
        0.9, "warn above this share of cut-off completions, if it has risen by 0.2", metavar="LIMIT"
    )
    warn_low_signal: float = flag(0.9, "warn above this share of groups whose rewards hardly differ", metavar="LIMIT")
    monitor_window: int = flag(
        5, "number of log entries whose mean is compared with the limits and with the first ones", metavar="N"
    )
    stop_on_warning: bool = flag(False, "save a checkpoint and stop the run at the first warning")
    sample_every: int = flag(25, "steps between samples in completions.jsonl; 0: no samples", metavar="N")
    sample_prompts: int = flag(4, "number of prompts that are sampled, the same each time", metavar="N")

    def __post_init__(self) -> None:
        for item in fields(MonitorConfig):
            value = getattr(self, item.name)
            if item.name.startswith("warn_") and not 0 < value <= 1:
                raise UserError(f"{item.name} is {value}.", "Give a limit above 0 and at most 1; 1 never warns.")
        for name, least in (("monitor_window", 1), ("sample_every", 0), ("sample_prompts", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}.", f"Give a whole number of at least {least}.")


NOT_DECIDING: Final = frozenset(item.name for item in fields(MonitorConfig))
"""Settings that a resumed run may change."""


@dataclass(frozen=True)
class DevConfig:
    """GRPO's evaluation on held-out prompts; `docs/monitor.md` argues the defaults."""

    dev_prompts: int = flag(0, "number of held-out prompts, answered greedily during the run; 0: none", metavar="N")
    dev_dataset_path: str = flag(
        "", "data set of the held-out prompts (default: rows of dataset_path are held out)", metavar="FOLDER"
    )
    dev_every: float = flag(0.1, "steps between evaluations; below 1 a share of all steps", metavar="STEPS")
    dev_score: str = flag(
        "", "a score that is not trained on (default: rouge, or bleu if rouge is trained on)", metavar="NAME"
    )
    dev_best_by: str = flag("reward", "which value selects the best checkpoint: reward or score", metavar="VALUE")
    dev_patience: int = flag(0, "stop the run after this many evaluations without a new best; 0: never", metavar="N")

    def __post_init__(self) -> None:
        for name in ("dev_prompts", "dev_patience"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}.", "Give a whole number of at least 0; 0: none.")
        if not self.dev_every > 0:
            raise UserError(f"dev_every is {self.dev_every}.", "Give a number of steps, or a share below 1.")
        if self.dev_best_by not in BEST_BY:
            raise UserError(f"dev_best_by is {self.dev_best_by!r}.", "Write reward or score.")
        if self.dev_prompts == 0 and (self.dev_dataset_path or self.dev_patience):
            given = "dev_dataset_path" if self.dev_dataset_path else "dev_patience"
            raise UserError(
                f"{given} is set, but dev_prompts is 0.", "Give a number of prompts, e.g. --dev_prompts 64."
            )


GRPO_CONFIGS: Final = {
    "rewards and prompts": RewardConfig,
    "low-signal gate (docs/monitor.md)": GateConfig,
    "monitor (docs/monitor.md)": MonitorConfig,
    "evaluation on held-out prompts (docs/monitor.md)": DevConfig,
}
"""Heading in the help -> the settings that only GRPO uses."""


@dataclass(frozen=True)
class RunConfig(CommonConfig, RewardConfig, GateConfig, MonitorConfig, DevConfig):
    """Everything that a run needs in addition to TRL's fields."""

    def __post_init__(self) -> None:
        RewardConfig.__post_init__(self)
        GateConfig.__post_init__(self)
        MonitorConfig.__post_init__(self)
        DevConfig.__post_init__(self)


@dataclass(frozen=True)
class SftRunConfig(RunConfig):
    """Adds what TRL's SFTConfig and DPOConfig lack, and GRPOConfig has."""

    chat_template_kwargs: dict[str, Any] | str | None = flag(
        None, "JSON object with arguments of the chat template, as for data", metavar="JSON"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.chat_template_kwargs
        if isinstance(given, str):
            with contextlib.suppress(ValueError):
                given = json.loads(given)
            if not isinstance(given, dict):
                raise UserError(
                    f"chat_template_kwargs is {given!r:.60}, not a JSON object.",
                    """Write e.g. '{"enable_thinking": false}'.""",
                )
            object.__setattr__(self, "chat_template_kwargs", given)
