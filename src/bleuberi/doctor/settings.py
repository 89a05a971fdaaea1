"""Read a run's settings as a machine would that has the GPUs they are meant for.

The config classes ask the machine for a bf16 GPU and for the number of processes; for a preflight both are assumed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.training.settings.read import Method, RunConfig, RunSettings, SftRunConfig, read_settings
from bleuberi.training.settings.words import config_file, read_config_file, split_words


def told_method(argv: Sequence[str]) -> Method:
    """Whether the words and their config file describe GRPO or SFT. Errors: `UserError` where they tell neither."""
    try:
        from trl import GRPOConfig, SFTConfig
    except ImportError as error:
        raise MissingExtraError("trl", "train", "The preflight") from error

    grpo = {item.name for kind in (GRPOConfig, RunConfig) for item in dataclasses.fields(kind)}
    sft = {item.name for kind in (SFTConfig, SftRunConfig) for item in dataclasses.fields(kind)}
    only_run = {item.name for item in dataclasses.fields(RunConfig)} - {"dataset_path", "base_template"}
    used = {word.partition("=")[0].removeprefix("--").replace("-", "_") for word in argv if word.startswith("--")}
    path = config_file(split_words(argv))
    used |= read_config_file(path).keys() if path else set()
    of_grpo, of_sft = used & ((grpo - sft) | only_run), used & (sft - grpo)
    if bool(of_grpo) == bool(of_sft):
        said = f"has fields of both ({min(of_grpo)}, {min(of_sft)})" if of_grpo else "has no field that tells"
        raise UserError(f"Is it a GRPO or an SFT run? The config {said}.", "Add --method grpo or --method sft.")
    return "grpo" if of_grpo else "sft"


def read_as_if(method: Method, argv: Sequence[str], processes: int) -> tuple[RunSettings | None, list[UserError]]:
    """The settings, read by TRL's own classes for that many processes, and every problem with them.

    None if there are too many problems to read them.
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
    """Within it, transformers' `TrainingArguments` believe in `processes` processes and in a GPU that can do bf16.

    Of a node's GPUs each process of a launch has one; a single process has all that are visible.
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
