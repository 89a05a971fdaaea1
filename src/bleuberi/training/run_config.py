"""Settings of a training run, read and checked. Knows TRL's config classes; trains nothing.

TRL's own `GRPOConfig`, `SFTConfig` and `ModelConfig` are used as they are; `RunConfig` has what they lack. Every
mistake is found here, before a model is loaded.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from bleuberi.errors import MissingExtraError, UserError

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
                    changed[item.name] = value
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
    names = {item.name for kind in kinds for item in dataclasses.fields(kind)}
    words = _split_config_flag(argv)
    check_config_file(words, names)
    try:
        run, args, model = Parser(kinds, allow_abbrev=False).parse_args_and_config(args=words)
    except (ValueError, TypeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"bleuberi train {method}: {first}", "Mend the config file or the flag it names.") from error
    if not model.model_name_or_path:
        raise UserError("No model is named.", "Add --model_name_or_path MODEL, or write it into the config file.")
    if not run.dataset_path:
        raise UserError("No data set is named.", "Add --dataset_path FOLDER, or write it into the config file.")
    return RunSettings(method, run, args, model)


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


def check_config_file(words: Sequence[str], names: set[str]) -> None:
    """Refuse a config file that is missing, no YAML mapping, or has a field that does not exist."""
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
    for name in values:
        if name not in names | {"env"}:
            near = difflib.get_close_matches(str(name), names, n=1)
            raise UserError(
                f"{path} has a field {name!r} that neither TRL nor this tool knows.",
                f"Did you mean {near[0]}?" if near else "Remove it.",
            )


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | bool)
