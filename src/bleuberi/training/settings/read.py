"""Read and check the settings of a training run.

TRL's own `GRPOConfig`, `SFTConfig`, `DPOConfig` and `ModelConfig` are used unchanged; `RunConfig` has further fields.
Every mistake is found here, before a model is loaded, and most mistakes before torch is loaded.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.redaction import redact_value
from bleuberi.training.config import NOT_DECIDING, RunConfig, SftRunConfig
from bleuberi.training.folder.foreign_checkpoint import refuse_foreign_checkpoint
from bleuberi.training.model_loading import load_policy_tokenizer
from bleuberi.training.settings.conflicts import check_removed, check_together, check_undone
from bleuberi.training.settings.drift import check_drift, installed_defaults, recorded_defaults
from bleuberi.training.settings.installed import check_helpers, check_installed_choices, field_types, values_of
from bleuberi.training.settings.original_flags import check_original
from bleuberi.training.settings.paper_batch import grown_batch
from bleuberi.training.settings.rules import METHODS, Findings, Method, check_batch, check_values, raise_first
from bleuberi.training.settings.words import (
    PRESETS,
    check_fields,
    check_flags,
    config_file,
    flag_values,
    located,
    read_config_file,
    split_words,
)

__all__ = ["PRESETS", "Method", "RunConfig", "RunSettings", "SftRunConfig", "read_settings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunSettings:
    """A checked run: our own settings, TRL's training arguments and TRL's model settings."""

    method: Method
    run: RunConfig
    args: Any  # trl.GRPOConfig, trl.SFTConfig or trl.DPOConfig
    model: Any  # trl.ModelConfig
    drift: str | None = None  # how the installed TRL differs from the one that the presets were written for

    @property
    def chat_template_kwargs(self) -> dict[str, Any]:
        given = self.run.chat_template_kwargs if isinstance(self.run, SftRunConfig) else self.args.chat_template_kwargs
        return given if isinstance(given, dict) else {}

    def load_tokenizer(self) -> Any:  # noqa: ANN401 - a transformers tokenizer
        """Load the policy's tokenizer, with the run's chat template arguments. Errors: `UserError`."""
        return load_policy_tokenizer(
            self.model.model_name_or_path,
            self.args.trust_remote_code,
            self.model.model_revision,
            self.run.base_template,
            self.chat_template_kwargs,
        )

    def decided(self) -> dict[str, Any]:
        """Every setting that differs from its default, for the manifest and for comparing two runs."""
        changed: dict[str, Any] = {}
        for part in (self.run, self.args, self.model):
            for item in dataclasses.fields(part):
                value = getattr(part, item.name)
                default = item.default if item.default is not dataclasses.MISSING else None
                if value != default and item.name not in _NOT_DECIDING and _is_plain(value):
                    changed[item.name] = redact_value(value)
        return changed


# Where a run lies, what it tells while it runs, and where it is published: none of it changes the model.
_NOT_DECIDING = NOT_DECIDING | frozenset(
    {"output_dir", "logging_dir", "run_name", "resume_from_checkpoint", "report_to", "disable_tqdm", "log_level",
     "save_total_limit", "enable_jit_checkpoint", "push_to_hub", "hub_model_id", "hub_strategy", "hub_token",
     "hub_private_repo", "hub_always_push", "hub_revision", "push_to_hub_token"}
)  # fmt: skip


def read_settings(method: Method, argv: Sequence[str], problems: list[UserError] | None = None) -> RunSettings:
    """Read the settings from `--config FILE.yaml` and flags (flags win).

    Errors: `UserError` for an unknown or ill-typed field, a value that no trainer accepts, contradicting settings, a
    missing config file or library, and if no model or data set is named. With `problems`, the run is meant for another
    machine, which may have vLLM; every finding of a check is then appended to that list.
    """

    def tell(findings: Findings) -> None:
        if problems is None:
            raise_first(findings)
        else:
            problems.extend(findings)

    words, path, in_file, asked = _words_and_values(method, argv)
    for place, values in ((str(path or ""), in_file), (f"bleuberi train {method}", flag_values(words))):
        tell(_check_method(method, place, values))
    tell(_check_early(method, asked))
    kinds = _config_classes(method)
    drift = check_drift(str(path or "The command"), asked, recorded_defaults(method), installed_defaults(method))
    hints = field_types(kinds)
    if path:
        check_fields(path, in_file, hints)
    check_flags(words, hints, f"bleuberi train {method}")
    if not asked.get("model_name_or_path"):
        raise UserError("No model is given.", "Add --model_name_or_path MODEL, or write it into the config file.")
    if not asked.get("dataset_path"):
        raise UserError("No data set is given.", "Add --dataset_path FOLDER, or write it into the config file.")
    tell(check_installed_choices(kinds, asked))
    tell(check_helpers(asked, elsewhere=problems is not None))
    if problems:
        raise problems.pop()  # TRL's parser does not take such values
    settings = RunSettings(method, *_parse(method, kinds, words), drift)
    take_hub_token(settings.args)
    tell(_check_parsed(settings))
    if problems is None:
        raise_first(_check_apple_gpu(settings.args))
    if settings.args.process_index == 0 and problems is None:  # the doctor, which collects problems, has its own lines
        grown = grown_batch(argv, settings.args, settings.args.world_size)
        for text in (drift, "; ".join(grown) if grown else None):
            if text:
                log.warning(text)
    return settings


_MAKES_DATA: Final[Mapping[Method, str]] = {
    "grpo": "python training/create_training_data.py grpo ... --output_dataset_name NAME",
    "sft": "python training/create_training_data.py sft --input_data_path GRPO_DATA_SET ...",
    "dpo": "bleuberi data pairs --input_data_path GRPO_DATA_SET ...",
}


def check_places(method: Method, argv: Sequence[str]) -> None:
    """Quick checks of the folders that the words name. Errors: `UserError` if the data set does not exist, or a
    checkpoint comes from another model."""
    _, _, _, asked = _words_and_values(method, argv)
    data = asked.get("dataset_path")
    if isinstance(data, str) and data and not Path(data).is_dir():
        raise UserError(
            f"Data set folder {data} does not exist.",
            f"Make one with: {_MAKES_DATA[method]}",
        )
    refuse_foreign_checkpoint(asked)


def _words_and_values(
    method: Method, argv: Sequence[str]
) -> tuple[list[str], Path | None, dict[str, Any], dict[str, Any]]:
    """The words for TRL's parser, the config file, its fields, and what file and flags together ask for."""
    words = split_words(argv)
    path = config_file(words)
    in_file = read_config_file(path) if path else {}
    flags = flag_values(words)
    for place, values in ((str(path), in_file), (f"bleuberi train {method}", flags)):
        check_original(place, values)
        raise_first(check_removed(place, values))
    return words, path, in_file, {name: located(name, value) for name, value in {**in_file, **flags}.items()}


def _check_method(method: Method, place: str, values: Mapping[str, Any]) -> Findings:
    """Fields of another method in a config file or flags: some mean something here, and others nothing."""
    ours = {item.name for item in dataclasses.fields(SftRunConfig)} | recorded_defaults(method).fields.keys()
    found = {}
    for other in METHODS:
        if strange := sorted((recorded_defaults(other).fields.keys() - ours) & values.keys()):
            found[other] = strange
    if found:
        other = max(found, key=lambda name: len(found[name]))  # the first of equals
        strange = found[other]
        preset = "dpo_cpu" if method == "dpo" else f"{method}_paper"
        yield UserError(
            f"{place} has {', '.join(strange[:3])}{' ...' if strange[3:] else ''}, which {other.upper()} has and "
            f"{method.upper()} has not.",
            f"Leave it out, give a config for {method.upper()}, e.g. --config {preset}, or train with: "
            f"bleuberi train {other}.",
        )


def _check_revision(asked: Mapping[str, Any]) -> Findings:
    """A revision of a local folder, which would be ignored."""
    model, revision = str(asked.get("model_name_or_path")), asked.get("model_revision")
    if revision not in (None, "main") and Path(model).is_dir():
        yield UserError(
            f"model_revision is {revision}, and {model} is a folder, and folders have no revisions.",
            "Leave model_revision out, or name the model as the hub does.",
        )


def _check_early(method: Method, asked: Mapping[str, Any]) -> Findings:
    """Checks that do not need torch, on the fields that the file and the flags state."""
    yield from _check_revision(asked)
    yield from check_undone(method, asked)
    yield from check_values(method, asked)
    if method == "grpo":
        yield from check_batch({**recorded_defaults(method).fields, **asked}, int(os.environ.get("WORLD_SIZE", "1")))


def _config_classes(method: Method) -> tuple[type, ...]:
    try:
        from trl import DPOConfig, GRPOConfig, ModelConfig, SFTConfig
    except ImportError as error:
        raise MissingExtraError("trl", "train", "Training") from error
    if method == "grpo":
        return RunConfig, GRPOConfig, ModelConfig
    return SftRunConfig, SFTConfig if method == "sft" else DPOConfig, ModelConfig


def _parse(method: Method, kinds: Sequence[type], words: Sequence[str]) -> tuple[RunConfig, Any, Any]:
    """The settings as TRL's own parser reads them."""
    from trl import TrlParser

    class Parser(TrlParser):  # type: ignore[misc]
        """TRL's parser with our error messages, which also finds paths and presets."""

        def error(self, message: str) -> None:
            raise UserError(f"bleuberi train {method}: {message}", f"See bleuberi train {method} --help.")

        def set_defaults_with_config(self, **values: Any) -> list[str]:  # noqa: ANN401 - a config file's values
            found = {name: located(name, value) for name, value in values.items()}
            rest: list[str] = super().set_defaults_with_config(**found)
            return rest

    try:
        run, args, model = Parser(kinds, allow_abbrev=False).parse_args_and_config(args=list(words))
    except (ValueError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        cure = "Correct the config file or the flag named above."
        if "bf16/gpu" in first:
            first = "bf16 is on, and no GPU here can do it."
            cure = f"Without a GPU use the preset {method}_cpu, or add --use_cpu true --bf16 false."
        raise UserError(f"bleuberi train {method}: {first}", cure) from error
    return run, args, model


def _check_parsed(settings: RunSettings) -> Findings:
    """Checks on all settings together, including defaults and the number of processes."""
    method, args = settings.method, settings.args
    values = values_of((settings.run, args, settings.model))
    yield from check_undone(method, values)
    yield from check_values(method, values)
    yield from check_together(method, values)
    if method == "grpo":
        yield from check_batch({**values, "generation_batch_size": None}, args.world_size)
    if args.n_gpu > 1:
        yield UserError(
            f"{args.n_gpu} GPUs are visible to one process; the trainer needs one process per GPU.",
            f"Start it with torchrun --nproc_per_node {args.n_gpu} -m bleuberi.cli.main train {method} ..., or set "
            "CUDA_VISIBLE_DEVICES=0.",
        )


def _check_apple_gpu(args: Any) -> Findings:  # noqa: ANN401 - TRL's arguments
    """A Mac's GPU, which TRL would use without asking."""
    if args.device.type == "mps":
        yield UserError(
            "The run would use this Mac's GPU (MPS), on which we have not tested training.",
            "Train on the CPU: take the preset grpo_cpu, sft_cpu or dpo_cpu, or add --use_cpu true --bf16 false.",
        )


def take_hub_token(args: Any) -> None:  # noqa: ANN401 - TRL's arguments
    """Move the hub token to the environment, where the hub library reads it: the trainer would save it to disk."""
    if args.hub_token:
        os.environ["HF_TOKEN"] = args.hub_token
        args.hub_token = None


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
