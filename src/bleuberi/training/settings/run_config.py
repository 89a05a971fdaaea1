"""What a run needs beside TRL's fields: the data set, rewards, prompts, and what runs beside the trainer."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from bleuberi.errors import UserError
from bleuberi.training.reasoning import rewards_of_answers
from bleuberi.training.watch.dev import DevConfig
from bleuberi.training.watch.gate import GateConfig
from bleuberi.training.watch.warnings import MonitorConfig


@dataclass
class RunConfig(GateConfig, MonitorConfig, DevConfig):
    """What a run needs beside TRL's fields."""

    dataset_path: str = field(default="", metadata={"help": "folder of the GRPO or SFT data set"})
    reward_funcs: list[str] = field(
        default_factory=lambda: ["bleu"],
        metadata={"help": "GRPO: rewards by name or package.module:Class; weights: --reward_weights"},
    )
    max_prompt_tokens: int = field(
        default=512, metadata={"help": "GRPO: rows with longer prompts are dropped and counted; TRL has no such limit"}
    )
    base_template: Literal["plain", "paper"] = field(
        default="plain",
        metadata={"help": "prompts of a base model without a template: the turns alone, or as the paper's code did"},
    )
    reasoning: bool = field(
        default=False,
        metadata={"help": "GRPO: ask for <think> and <answer>, and score the answer; needs the reward format too"},
    )

    fit_completions: float = field(
        default=0.0,
        metadata={
            "help": "GRPO: share of the references that has to fit; max_completion_length is lowered to that; 0: "
            "it stays"
        },
    )
    warm_start: str = field(
        default="", metadata={"help": "GRPO: a config of SFT, which is trained first on the references; empty: none is"}
    )
    use_kernels: bool = field(
        default=False,
        metadata={"help": "load the model with the Hub's kernels for its layers; needs kernels and a GPU"},
    )

    def __post_init__(self) -> None:
        if not 0 <= self.fit_completions <= 1:
            raise UserError(
                f"fit_completions is {self.fit_completions}.", "Give a share, e.g. 0.95; 0 switches it off."
            )
        GateConfig.__post_init__(self)
        MonitorConfig.__post_init__(self)
        DevConfig.__post_init__(self)
        given: object = self.reward_funcs
        # `reward_funcs: bleu` in a YAML file arrives as a text, whose letters are no rewards.
        self.reward_funcs = [given] if isinstance(given, str) else [str(name) for name in self.reward_funcs]
        if not self.reward_funcs:
            raise UserError("reward_funcs is empty.", "Name a reward, e.g. --reward_funcs bleu.")
        if self.reasoning:
            self.reward_funcs = rewards_of_answers(self.reward_funcs)


@dataclass
class SftRunConfig(RunConfig):
    """What an SFT run needs beside TRL's fields: GRPOConfig has this one itself."""

    chat_template_kwargs: dict[str, Any] | str | None = field(
        default=None, metadata={"help": "SFT: JSON with arguments of the chat template, as for data and evaluation"}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.chat_template_kwargs, str):
            with contextlib.suppress(ValueError):
                self.chat_template_kwargs = json.loads(self.chat_template_kwargs)
            if not isinstance(self.chat_template_kwargs, dict):
                raise UserError(
                    f"chat_template_kwargs is {self.chat_template_kwargs!r:.60}, not a JSON object.",
                    """Write e.g. '{"enable_thinking": false}'.""",
                )
