"""Settings of a training run, read and checked. Knows TRL's config classes; trains nothing.

TRL's own `GRPOConfig`, `SFTConfig` and `ModelConfig` are used as they are; `RunConfig` has what they lack. Every
mistake is found here, before a model is loaded.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.redaction import redact_value

Method = Literal["grpo", "sft"]


@dataclass
class RunConfig:
    """What a run needs beside TRL's fields."""

    dataset_path: str = field(default="", metadata={"help": "folder of the GRPO or SFT data set"})
    reward_funcs: list[str] = field(
        default_factory=lambda: ["bleu"],
        metadata={"help": "GRPO: rewards by name or package.module:Class; weights: --reward_weights"},
    )
    max_prompt_tokens: int = field(
        default=512, metadata={"help": "GRPO: rows with longer prompts are dropped and counted; TRL has no such limit"}
    )

    def __post_init__(self) -> None:
        given: object = self.reward_funcs
        # `reward_funcs: bleu` in a YAML file arrives as a text, whose letters are no rewards.
        self.reward_funcs = [given] if isinstance(given, str) else [str(name) for name in self.reward_funcs]
        if not self.reward_funcs:
            raise UserError("reward_funcs is empty.", "Name a reward, e.g. --reward_funcs bleu.")
        if self.max_prompt_tokens < 1:
            raise UserError(f"max_prompt_tokens is {self.max_prompt_tokens}.", "Give at least 1, e.g. 512.")


@dataclass(frozen=True, slots=True)
class RunSettings:
    """A checked run: our own settings, TRL's training arguments and TRL's model settings."""

    method: Method
    run: RunConfig
    args: Any  # trl.GRPOConfig or trl.SFTConfig
    model: Any  # trl.ModelConfig

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


_NOT_DECIDING = frozenset(
    {"output_dir", "logging_dir", "run_name", "resume_from_checkpoint", "hub_token", "push_to_hub_token"}
)


def read_settings(method: Method, argv: Sequence[str]) -> RunSettings:
    """Settings from `--config FILE.yaml` and flags (flags win).

    Errors: `UserError` for an unknown or ill-typed field, a missing file, model or data set.
    """
    try:
        from trl import GRPOConfig, ModelConfig, SFTConfig, TrlParser
    except ImportError as error:
        raise MissingExtraError("trl", "train", "Training") from error

    class Parser(TrlParser):  # type: ignore[misc]
        """TRL's parser, failing as every command does."""

        def error(self, message: str) -> None:
            raise UserError(f"bleuberi train {method}: {message}", f"See bleuberi train {method} --help.")

    kinds = (RunConfig, GRPOConfig if method == "grpo" else SFTConfig, ModelConfig)
    hints: dict[str, Any] = {}
    for kind in kinds:
        known = typing.get_type_hints(kind)
        hints |= {item.name: known[item.name] for item in dataclasses.fields(kind)}
    words = _split_config_flag(argv)
    check_config_file(words, hints)
    _check_flags(words, hints, f"bleuberi train {method}")
    try:
        run, args, model = Parser(kinds, allow_abbrev=False).parse_args_and_config(args=words)
    except (ValueError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"bleuberi train {method}: {first}", "Mend the config file or the flag it names.") from error
    if not model.model_name_or_path:
        raise UserError("No model is named.", "Add --model_name_or_path MODEL, or write it into the config file.")
    if not run.dataset_path:
        raise UserError("No data set is named.", "Add --dataset_path FOLDER, or write it into the config file.")
    take_hub_token(args)
    return RunSettings(method, run, args, model)


def take_hub_token(args: Any) -> None:  # noqa: ANN401 - TRL's arguments
    """Move the hub's token to the environment, where the hub's library looks for it: the trainer would save it."""
    if args.hub_token:
        os.environ["HF_TOKEN"] = args.hub_token
        args.hub_token = None


PRESETS: Final = Path(__file__).parent / "presets"


def _split_config_flag(argv: Sequence[str]) -> list[str]:
    """`--config=FILE` as two words, since TRL's parser knows no other form; a preset's bare name as its path."""
    words: list[str] = []
    for word in argv:
        words += ["--config", word.removeprefix("--config=")] if word.startswith("--config=") else [word]
    for place, word in enumerate(words[1:], 1):
        preset = PRESETS / f"{word}.yaml"
        if words[place - 1] == "--config" and word == preset.stem and preset.is_file():
            words[place] = str(preset)
    return words


def check_config_file(words: Sequence[str], hints: Mapping[str, Any]) -> None:
    """Refuse a config file that is missing, no YAML mapping, or has an unknown or ill-typed field.

    `hints`: the fields there are, and their types.
    """
    if "--config" not in words:
        return
    position = words.index("--config")
    if position + 1 == len(words):
        raise UserError("--config has no file.", "Give it a YAML file, e.g. --config training/configs/grpo_paper.yaml.")
    path = Path(words[position + 1])
    if not path.is_file():
        known = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.yaml")))
        raise UserError(f"There is no config file {path}.", f"Give a YAML file, or a preset: {known}.")
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}", "Mend the file.") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} is not a YAML mapping of field: value.", "Write one `field: value` a line.")
    values.pop("env", None)  # TRL's parser sets the environment from it
    for name, value in values.items():
        if name not in hints:
            near = difflib.get_close_matches(str(name), hints, n=1)
            raise UserError(
                f"{path} has a field {name!r} that neither TRL nor this tool knows.",
                f"Did you mean {near[0]}?" if near else "Remove it.",
            )
        kinds = _plain_kinds(hints[name])
        # Texts are read as on the command line, by TRL's parser; what YAML has typed already would pass it unseen.
        fits = isinstance(value, str) or type(value) in kinds or (type(value) is int and float in kinds)
        if not fits:
            expected = " or ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in kinds))
            raise UserError(
                f"{path}: {name} is {value!r:.60}, not {expected}.",
                "Mend the file; a word that YAML takes for something else, such as no, needs quotes.",
            )


def _check_flags(words: Sequence[str], hints: Mapping[str, Any], prog: str) -> None:
    """Refuse a flag that does not exist, and suggest the nearest."""
    for word in words:
        name = word.partition("=")[0].removeprefix("--").replace("-", "_")
        # Switches that are on by default can be written as --no_...
        if word.startswith("--") and name != "config" and not {name, name.removeprefix("no_")} & hints.keys():
            near = difflib.get_close_matches(name, hints, n=1)
            raise UserError(
                f"{prog} has no flag {word.partition('=')[0]}.",
                (f"Did you mean --{near[0]}? " if near else "") + f"See {prog} --help.",
            )


def _plain_kinds(hint: Any) -> set[type]:  # noqa: ANN401 - any type annotation
    """The classes that a value of the annotated type can have, containers without their items."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(hint)}
    if origin in (typing.Union, types.UnionType):
        return {kind for part in typing.get_args(hint) for kind in _plain_kinds(part)}
    return {origin or hint}


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
