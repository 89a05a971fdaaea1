"""Read a command line and its config file as plain values.

TRL's parser reads both again, and the run uses its values. Reading them here first finds mistakes before TRL is loaded.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import local_path
from bleuberi.errors import UserError
from bleuberi.training.settings.installed import item_kinds, plain_kinds
from bleuberi.yaml_files import read_yaml

PRESETS: Final = Path(__file__).parents[1] / "presets"
LAUNCH: Final = Path(__file__).parents[1] / "launch"

_PATHS: Final = frozenset({"dataset_path", "model_name_or_path", "output_dir", "resume_from_checkpoint", "deepspeed"})
_PACKAGED: Final = {"config": (PRESETS, ".yaml"), "deepspeed": (LAUNCH, ".json"), "launch": (LAUNCH, ".yaml")}
"""Flag -> the folder and ending of the files that the package carries; `launch` is the doctor's."""


def split_words(argv: Sequence[str]) -> list[str]:
    """The words in the form that TRL's parser accepts: `--config FILE` as two words, presets as paths, `~` expanded.

    `--config=FILE` becomes two words, since TRL's parser knows no other form.
    """
    words: list[str] = []
    for word in argv:
        name, equals, value = word.partition("=")
        field = name.removeprefix("--").replace("-", "_")
        if equals and word.startswith("--") and field in _PATHS | {"config"}:
            words += [name, value]
        else:
            words.append(word)
    for place, word in enumerate(words[1:], 1):
        field = words[place - 1].removeprefix("--").replace("-", "_")
        if words[place - 1].startswith("--"):
            words[place] = located(field, word)
    return words


def located(field: str, value: Any) -> Any:  # noqa: ANN401 - a config value of any kind
    """Expand `~` in a path, and replace the bare name of a packaged file with its path. Other values are returned
    unchanged."""
    if not isinstance(value, str) or field not in _PATHS | set(_PACKAGED):
        return value
    if field in _PACKAGED:
        folder, ending = _PACKAGED[field]
        packaged = folder / f"{value}{ending}"
        if value == packaged.stem and packaged.is_file():
            return str(packaged)
    return str(local_path(value)) if value.startswith("~") else value


def config_file(words: Sequence[str]) -> Path | None:
    """The path after `--config`; None without the flag. Errors: `UserError` if the file does not exist."""
    if "--config" not in words:
        return None
    position = words.index("--config")
    if position + 1 == len(words):
        raise UserError(
            "--config needs a file.", "Give it a YAML file, e.g. --config training/configs/grpo_paper.yaml."
        )
    path = Path(words[position + 1])
    if not path.is_file():
        known = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.yaml")))
        raise UserError(f"Config file {path} does not exist.", f"Give a YAML file, or a preset: {known}.")
    return path


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a config file's fields, without `env`, which TRL's parser uses to set the environment. Errors:
    `UserError`."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise UserError(f"{path} is not a YAML mapping of field: value.", "Write one `field: value` per line.")
    values.pop("env", None)
    return values


def flag_values(words: Sequence[str]) -> dict[str, Any]:
    """A mapping from flag to its text, its list of texts, or True for a flag without a value (False for `--no_...`)."""
    values: dict[str, Any] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            name = name.replace("-", "_")
            if equals:
                values[name], name = value, ""
            else:
                values[name] = True
        elif name:
            had = values[name]
            values[name] = word if had is True else [*(had if isinstance(had, list) else [had]), word]
    for name in [name for name in values if name.startswith("no_") and values[name] is True]:
        values.setdefault(name.removeprefix("no_"), False)
    values.pop("config", None)
    return values


def check_fields(path: Path, values: Mapping[str, Any], hints: Mapping[str, Any]) -> None:
    """Reject an unknown or ill-typed field of a config file. `hints`: the known fields and their types."""
    for name, value in values.items():
        if name not in hints:
            near = difflib.get_close_matches(str(name), hints, n=1)
            raise UserError(
                f"{path} has a field {name!r} that neither TRL nor bleuberi has.",
                f"Did you mean {near[0]}?" if near else "Remove it.",
            )
        kinds = plain_kinds(hints[name])
        # Texts are read as on the command line, by TRL's parser; what YAML has typed already would pass it unseen.
        fits = isinstance(value, str) or type(value) in kinds or (type(value) is int and float in kinds)
        if not fits:
            expected = " or ".join(sorted("null" if kind is type(None) else kind.__name__ for kind in kinds))
            raise UserError(
                f"{path}: {name} is {value!r:.60}, not {expected}.",
                "Correct the file; quote words that YAML reads as something else, such as no.",
            )
        if isinstance(value, list):
            _check_items(path, name, value, hints[name])


def _check_items(path: Path, name: str, items: Sequence[Any], hint: Any) -> None:  # noqa: ANN401 - any annotation
    allowed = item_kinds(hint)
    for item in items:
        if allowed and type(item) not in allowed and not (type(item) is int and float in allowed):
            expected = " or ".join(sorted(kind.__name__ for kind in allowed))
            raise UserError(f"{path}: {name} has {item!r:.60}, not {expected}.", "Correct the file.")


def check_flags(words: Sequence[str], hints: Mapping[str, Any], prog: str) -> None:
    """Reject a flag that does not exist, and suggest the nearest."""
    for word in words:
        name = word.partition("=")[0].removeprefix("--").replace("-", "_")
        # Switches that are on by default can be written as --no_...
        if word.startswith("--") and name != "config" and not {name, name.removeprefix("no_")} & hints.keys():
            near = difflib.get_close_matches(name, hints, n=1)
            raise UserError(
                f"{prog} has no flag {word.partition('=')[0]}.",
                (f"Did you mean --{near[0]}? " if near else "") + f"See {prog} --help.",
            )
