"""Compare the TRL that the presets were written for with the installed TRL.

`trl_defaults.json` has every field of each config class with its default, and the versions that they came from. After
the presets were checked against a new release, rewrite it with: python -m bleuberi.training.settings.drift
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.errors import UserError
from bleuberi.strict_json import strict_json
from bleuberi.training.settings.deciding import NOT_DECIDING
from bleuberi.training.settings.rules import Method

RECORD: Final = Path(__file__).parents[1] / "trl_defaults.json"
_CLASSES: Final[Mapping[Method, tuple[str, ...]]] = {
    "grpo": ("GRPOConfig", "ModelConfig"),
    "sft": ("SFTConfig", "ModelConfig"),
    "dpo": ("DPOConfig", "ModelConfig"),
}


class Defaults(NamedTuple):
    """Fields and defaults of some classes, and the versions of the libraries that define them."""

    versions: Mapping[str, str]
    fields: Mapping[str, Any]

    def name(self) -> str:
        return " and ".join(f"{library} {number}" for library, number in self.versions.items())


class Change(NamedTuple):
    """One field that differs between two releases: its default changed, it is new, or it was removed."""

    field: str
    kind: str  # changed, new, gone
    before: Any = None
    now: Any = None

    def sentence(self, stated: bool) -> str:
        if self.kind == "gone":
            return f"{self.field} is gone"
        told = f"{self.field} is new, {_shown(self.now)} by default"
        if self.kind == "changed":
            told = f"{self.field} was {_shown(self.before)} by default, is {_shown(self.now)} now"
        return told + (" (your settings state it)" if stated else "")


def recorded_defaults(method: Method) -> Defaults:
    """The defaults of the TRL release for which a method's presets were written."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    fields: dict[str, Any] = {}
    for name in _CLASSES[method]:
        fields |= record["classes"][name]
    return Defaults(record["versions"], fields)


def installed_defaults(method: Method) -> Defaults:
    """The defaults of the installed release. Loads TRL."""
    fields: dict[str, Any] = {}
    for name in _CLASSES[method]:
        fields |= _defaults_of(name)
    return Defaults(_versions(), fields)


def changes(written_for: Defaults, installed: Defaults) -> list[Change]:
    """The changed fields that can decide a run's results; fields in `NOT_DECIDING` are left out."""
    found = []
    for name in sorted({*written_for.fields, *installed.fields} - NOT_DECIDING):
        if name not in installed.fields:
            found.append(Change(name, "gone", before=written_for.fields[name]))
        elif name not in written_for.fields:
            found.append(Change(name, "new", now=installed.fields[name]))
        elif written_for.fields[name] != installed.fields[name]:
            found.append(Change(name, "changed", written_for.fields[name], installed.fields[name]))
    return found


def check_drift(source: str, stated: Mapping[str, Any], written_for: Defaults, installed: Defaults) -> str | None:
    """A sentence about the changed fields, or None. `stated`: the fields of the run's settings.

    Errors: `UserError` if a stated field was removed, even one that decides nothing: `source` can no longer mean what
    it says.
    """
    gone = sorted(stated.keys() & written_for.fields.keys() - installed.fields.keys())
    if gone:
        raise UserError(
            f"{source} states {', '.join(gone)}, which {installed.name()} no longer has; it was written for "
            f"{written_for.name()}.",
            "Install those: " + " ".join(f"{name}=={number}" for name, number in written_for.versions.items())
            + "; or copy the file and take the field out once you know what stands in its place.",
        )  # fmt: skip
    found = changes(written_for, installed)
    if not found:
        return None
    told = "; ".join(change.sentence(change.field in stated) for change in found)
    return f"The presets were written for {written_for.name()}; {installed.name()} differs: {told}."


def write_record(path: Path = RECORD) -> None:
    """Write the installed classes' fields and defaults to `path`."""
    classes = {name: _defaults_of(name) for names in _CLASSES.values() for name in names}
    text = strict_json({"versions": _versions(), "classes": dict(sorted(classes.items()))}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _defaults_of(name: str) -> dict[str, Any]:
    import trl

    found = {}
    for item in dataclasses.fields(getattr(trl, name)):
        default = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        found[item.name] = getattr(default, "value", default)  # enums by their value
    return found


def _versions() -> dict[str, str]:
    return {library: version(library) for library in ("trl", "transformers")}


def _shown(value: object) -> str:
    return strict_json(value, ascii_only=True)


if __name__ == "__main__":
    write_record()
    print(f"{RECORD} is written for {' and '.join(f'{name} {number}' for name, number in _versions().items())}.")
