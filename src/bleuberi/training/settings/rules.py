"""The values that the fields of a training run may have.

TRL's config classes accept any text for most choices (`loss_type: bnpoo`), and fail long after the model was loaded.
The choices here are those that the installed trainer's source compares with; a test keeps them equal. Choices that the
installed classes list themselves (enums, `Literal`, metadata) come from `installed`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from bleuberi.errors import UserError

Method = Literal["grpo", "sft", "dpo"]
METHODS: Final[tuple[Method, ...]] = ("grpo", "sft", "dpo")
Findings = Iterator[UserError]
"""What a check yields: `train` raises the first finding, the doctor prints all."""
Values = Mapping[str, Any]  # field -> value; texts of flags may still be texts

GRPO_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "loss_type": ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "luspo", "vespo"),
    "scale_rewards": ("group", "batch", "none"),
    "importance_sampling_level": ("token", "sequence"),
    "multi_objective_aggregation": ("sum_then_normalize", "normalize_then_sum"),
    "vllm_mode": ("colocate", "server"),
    "vllm_model_impl": ("vllm", "transformers"),
    "vllm_importance_sampling_mode": ("token_truncate", "token_mask", "sequence_truncate", "sequence_mask"),
}
DPO_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "loss_type": ("sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot",
                  "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"),
    "f_divergence_type": ("reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"),
}  # fmt: skip


def raise_first(findings: Findings) -> None:
    """Raise the first finding; later checks are then skipped."""
    for finding in findings:
        raise finding


class Range(NamedTuple):
    """The numbers that a field may have; `words` describes them in messages."""

    low: float
    high: float
    words: str
    low_too: bool = True
    high_too: bool = True

    def has(self, number: float) -> bool:
        above = number >= self.low if self.low_too else number > self.low
        return above and (number <= self.high if self.high_too else number < self.high)


_ONE_UP: Final = Range(1, math.inf, "at least 1", high_too=False)
_ZERO_UP: Final = Range(0, math.inf, "at least 0", high_too=False)
_ABOVE_ZERO: Final = Range(0, math.inf, "above 0", low_too=False, high_too=False)
_SHARE: Final = Range(0, 1, "from 0 to 1")
_SHARE_ABOVE_ZERO: Final = Range(0, 1, "above 0 and at most 1", low_too=False)
_SHARE_BELOW_ONE: Final = Range(0, 1, "from 0 to below 1", high_too=False)
_PORT: Final = Range(1, 65535, "a port, 1 to 65535")

RANGES: Final[Mapping[str, Range]] = {
    **dict.fromkeys(
        ("per_device_train_batch_size", "gradient_accumulation_steps", "max_completion_length", "num_iterations",
         "steps_per_generation", "generation_batch_size", "max_prompt_tokens", "max_length", "lora_r",
         "ref_model_sync_steps", "vllm_tensor_parallel_size", "vllm_max_model_length", "save_total_limit",
         "num_completions_to_print"), _ONE_UP
    ),
    **dict.fromkeys(
        ("learning_rate", "warmup_steps", "weight_decay", "max_grad_norm", "beta", "top_k", "dataloader_num_workers",
         "entropy_coef", "entropy_coef_min", "entropy_coef_max", "entropy_coef_delta"), _ZERO_UP
    ),
    **dict.fromkeys(
        ("num_train_epochs", "temperature", "repetition_penalty", "epsilon", "epsilon_high", "delta", "adam_epsilon",
         "lora_alpha", "off_policy_mask_threshold", "logging_steps", "save_steps", "neftune_noise_alpha",
         "sapo_temperature_neg", "sapo_temperature_pos", "vllm_server_timeout"), _ABOVE_ZERO
    ),
    **dict.fromkeys(("min_p", "top_entropy_quantile", "ref_model_mixup_alpha", "label_smoothing_factor"), _SHARE),
    **dict.fromkeys(("top_p", "vllm_gpu_memory_utilization"), _SHARE_ABOVE_ZERO),
    **dict.fromkeys(("adam_beta1", "adam_beta2", "lora_dropout"), _SHARE_BELOW_ONE),
    **dict.fromkeys(("vllm_server_port", "vllm_group_port"), _PORT),
    "num_generations": Range(2, math.inf, "at least 2: an advantage compares answers to one prompt", high_too=False),
    "max_steps": Range(1, math.inf, "at least 1, or -1 to go by num_train_epochs", high_too=False),
    "seed": Range(0, 2**32 - 1, "from 0 to 4294967295"),
    "data_seed": Range(0, 2**32 - 1, "from 0 to 4294967295"),
}  # fmt: skip


def check_values(method: Method, values: Values) -> Findings:
    """Find values that no trainer accepts, and name the allowed ones."""
    if method == "grpo":
        for name in GRPO_CHOICES.keys() & values.keys():
            if not (name == "scale_rewards" and isinstance(values[name], bool)):  # True is group, False is none
                yield from check_choice(name, values[name], GRPO_CHOICES[name])
    if method == "dpo":
        for name in DPO_CHOICES.keys() & values.keys():
            given = values[name]
            for value in given if isinstance(given, list) else [given]:
                yield from check_choice(name, value, DPO_CHOICES[name])
        yield from _check_dpo_beta(values.get("beta"))
    for name in RANGES.keys() & values.keys():
        yield from _check_range(name, values[name])


def _check_dpo_beta(beta: object) -> Findings:
    if _number(beta) == 0:
        yield UserError("beta is 0: DPO's loss would be constant.", "Write beta: 0.1, or another number above 0.")


def check_choice(name: str, value: object, choices: Sequence[str]) -> Findings:
    """Find a text that is not among the choices, and suggest the nearest; an enum's member is compared by its value."""
    given = getattr(value, "value", value)
    if isinstance(given, str) and given not in choices:
        near = difflib.get_close_matches(given, choices, n=1)
        yield UserError(
            f"{name} is {given!r:.60}, which is not one of: {', '.join(choices)}.",
            f"Did you mean {name}: {near[0]}?" if near else f"Write one of them, e.g. {name}: {choices[0]}.",
        )


def _check_range(name: str, value: object) -> Findings:
    number, allowed = _number(value), RANGES[name]
    if number is not None and not allowed.has(number) and not (name == "max_steps" and number == -1):
        yield UserError(f"{name} is {value}.", f"It must be {allowed.words}.")


def _number(value: object) -> float | None:
    """The value as a number; None for anything else, which the check of the field's type reports."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def check_batch(values: Values, processes: int) -> Findings:
    """Find batch sizes that do not give whole groups. `processes`: how many train together, on all nodes.

    All processes draw `per_device_train_batch_size` x `steps_per_generation` completions each at once; a group may span
    processes. Fields that are absent or not whole numbers are skipped here; other checks report them.
    """
    sizes = ("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations")
    batch, accumulated, group = (_whole(values.get(name)) for name in sizes)
    if batch is None or accumulated is None or group is None or min(batch, accumulated, group) < 1:
        return
    steps, together = _whole(values.get("steps_per_generation")), _whole(values.get("generation_batch_size"))
    if steps is not None and together is not None and steps * batch * processes != together:
        yield UserError(
            "steps_per_generation and generation_batch_size set the same thing, and both are given.",
            "Remove generation_batch_size.",
        )
        return
    if steps is None and together is not None:
        if together % (batch * processes):
            yield UserError(
                f"generation_batch_size {together} is not a multiple of per_device_train_batch_size {batch} x "
                f"{_counted(processes, 'process', 'processes')}.",
                f"Give a multiple of {batch * processes}, or leave it out.",
            )
            return
        steps = together // (batch * processes)
    steps = accumulated if steps is None else steps
    if batch * steps * processes % group:
        yield UserError(
            f"num_generations {group} does not divide the {batch * steps * processes} completions that are drawn at "
            f"once (per_device_train_batch_size {batch} x {_counted(steps, 'step', 'steps')} per generation x "
            f"{_counted(processes, 'process', 'processes')}).",
            f"Make per_device_train_batch_size x gradient_accumulation_steps x processes a multiple of {group}.",
        )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _whole(value: object) -> int | None:
    try:
        return None if value is None or isinstance(value, bool) else int(str(value))
    except ValueError:
        return None
