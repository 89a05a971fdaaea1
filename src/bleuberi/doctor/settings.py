"""Read a run's settings as if this machine had the GPUs that they are meant for.

The config classes check for a bf16 GPU and for the number of processes; the preflight assumes both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.training.config import CommonConfig
from bleuberi.training.settings.read import Method, RunConfig, RunSettings, SftRunConfig, read_settings
from bleuberi.training.settings.words import config_file, read_config_file, split_words


def told_method(argv: Sequence[str]) -> Method:
    """The method whose fields the words and their config file use; SFT if they fit both SFT and DPO.

    Errors: `UserError` if they fit no method, or both GRPO and another method.
    """
    try:
        from trl import DPOConfig, GRPOConfig, SFTConfig
    except ImportError as error:
        raise MissingExtraError("trl", "train", "The preflight") from error

    only_run = _names(RunConfig) - _names(CommonConfig)
    fields: dict[Method, set[str]] = {"grpo": _names(GRPOConfig, RunConfig)}
    fields |= {"sft": _names(SFTConfig, SftRunConfig) - only_run, "dpo": _names(DPOConfig, SftRunConfig) - only_run}
    used = {word.partition("=")[0].removeprefix("--").replace("-", "_") for word in argv if word.startswith("--")}
    path = config_file(split_words(argv))
    used |= read_config_file(path).keys() if path else set()
    shared = fields["grpo"] & fields["sft"] & fields["dpo"]
    telling = used & (fields["grpo"] | fields["sft"] | fields["dpo"]) - shared
    fitting = [method for method, own in fields.items() if telling <= own]
    if fitting not in (["grpo"], ["sft"], ["dpo"], ["sft", "dpo"]):
        owners = {name: [method for method in fields if name in fields[method]] for name in sorted(telling)}
        told = ", ".join(f"{name} of {' and '.join(map(str.upper, having))}" for name, having in owners.items())
        said = f"has fields of several methods ({told})" if telling else "has only fields that all of them have"
        raise UserError(
            f"Is it a GRPO, an SFT or a DPO run? The config {said}.", "Add --method grpo, --method sft or --method dpo."
        )
    return fitting[0]


def _names(*kinds: type) -> set[str]:
    return {item.name for kind in kinds for item in dataclasses.fields(kind)}


def read_as_if(method: Method, argv: Sequence[str], processes: int) -> tuple[RunSettings | None, list[UserError]]:
    """Read the settings with TRL's own classes for `processes` processes. Returns them and every problem found.

    The settings are None if problems prevent reading them.
    """
    problems: list[UserError] = []
    with assumed_machine(processes):
        try:
            settings = read_settings(method, argv, problems)
            # Worked out on first use, so it is asked while the assumption holds.
            if settings.args.world_size != processes:
                raise AssertionError("the number of processes was not assumed")
            settings.args._n_gpu = settings.args.n_gpu  # also after the assumption
        except UserError as error:
            problems.append(error)
            settings = None
    return settings, list({str(error): error for error in problems}.values())


@contextmanager
def assumed_machine(processes: int) -> Iterator[None]:
    """In this context transformers' `TrainingArguments` assume `processes` processes and a GPU with bf16.

    Each launched process has one GPU of its node; a single process has all visible GPUs.
    """
    from transformers import training_args

    kind = training_args.TrainingArguments
    world_size, n_gpu, bf16 = kind.world_size, kind.n_gpu, training_args.is_torch_bf16_gpu_available
    kind.world_size = property(lambda _: processes)
    if processes > 1:
        kind.n_gpu = property(lambda _: 1)
    training_args.is_torch_bf16_gpu_available = lambda: True
    try:
        yield
    finally:
        kind.world_size, kind.n_gpu, training_args.is_torch_bf16_gpu_available = world_size, n_gpu, bf16
