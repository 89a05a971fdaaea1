"""Typed fields of a YAML file; every error names the file and the line."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.yaml_files import yaml_text

FIX = "Correct the protocol; docs/experiments.md lists its fields."


class Fields:
    """One mapping of a YAML file. Each getter reads a field with a type, or returns `default`."""

    def __init__(self, path: Path, node: Any, name: str = "") -> None:  # noqa: ANN401 - yaml.Node
        """`name` is the field that contains this mapping; empty for the entire file. Errors: `UserError`."""
        self._path, self._node, self._name = path, node, name
        self._values: dict[str, Any] = {}
        if getattr(node, "id", "") != "mapping":
            self._refuse_node(node, f"{name or 'the file'} is not a mapping of `field: value`")
        for key, value in node.value:
            if key.id != "scalar":
                self._refuse_node(key, "a field's name is not text")
            if key.value in self._values:
                self._refuse_node(key, f"{self._full(key.value)} is duplicated")
            self._values[key.value] = value

    def only(self, allowed: Collection[str], why: str = "") -> None:
        """Reject other fields; `why` describes the allowed ones, e.g. `of an arm of kind base`."""
        for name, value in self._values.items():
            if name not in allowed:
                near = difflib.get_close_matches(name, allowed, n=1)
                self._refuse_node(
                    value,
                    f"{self._full(name)} is not a field{f' {why}' if why else ''}",
                    f"Did you mean {near[0]}?" if near else f"Fields: {', '.join(sorted(allowed))}.",
                )

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> Iterator[str]:
        """Field names in the file's order."""
        return iter(self._values)

    def text(self, name: str, default: str | None = None, choices: Collection[str] = ()) -> str:
        """Non-blank text, one of `choices` if given. YAML numbers and booleans are accepted as text."""
        node: Any = self._values.get(name)
        written = getattr(node, "id", "") == "scalar" and not node.tag.endswith(":null")
        value = node.value if written else self.plain(name, default)
        if not isinstance(value, str) or (not value.strip() and value != default):
            self.refuse(name, f"must be a text (got {value!r:.60})")
        if choices and value not in choices:
            self.refuse(name, f"must be one of {', '.join(choices)} (got {value!r:.60})")
        return value

    def whole(self, name: str, least: int, default: int | None = None, most: int = 2**32 - 1) -> int:
        """A whole number between `least` and `most`."""
        return self._whole(name, self.plain(name, default), least, most)

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of different seeds, 0 to 2^32 - 1."""
        value = self.plain(name)
        if not isinstance(value, list) or not value:
            self.refuse(name, f"must be a list of whole numbers, e.g. [1, 2, 3] (got {value!r:.60})")
        numbers = tuple(self._whole(name, item, 0, 2**32 - 1) for item in value)
        if len(set(numbers)) < len(numbers):
            self.refuse(name, "has a duplicate number")
        return numbers

    def words(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts, or a single text."""
        value = self.plain(name, list(default))
        value = [value] if isinstance(value, str) else value
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            self.refuse(name, f"must be a list of names, e.g. [gold] (got {value!r:.60})")
        return tuple(value)

    def plain(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - whatever YAML holds
        """The value with its YAML type; `default` if the field is missing."""
        import yaml

        if name not in self._values:
            return self._default(name, default)
        return yaml.SafeLoader("").construct_object(self._values[name], deep=True)

    def settings(self, name: str = "") -> dict[str, Any]:
        """A mapping of plain values: field `name`, or this mapping; numbers in any notation (5e-4) become numbers."""
        if name:
            return self.child(name).settings() if name in self._values else {}
        return {field: normal(self.plain(field)) for field in self._values}

    def child(self, name: str) -> Fields:
        """The mapping of that name. Errors: `UserError` if it is missing or not a mapping."""
        if name not in self._values:
            self.refuse("", f"lacks {name}")
        return Fields(self._path, self._values[name], self._full(name))

    def refuse(self, name: str, what: str, cure: str = FIX) -> NoReturn:
        """Raise a `UserError` about a field (or this mapping), with its line number."""
        subject = self._full(name) if name else self._name or "the protocol"
        self._refuse_node(self._values.get(name, self._node), f"{subject} {what}", cure)

    def _full(self, name: str) -> str:
        return f"{self._name}.{name}" if self._name else name

    def _refuse_node(self, node: Any, what: str, cure: str = FIX) -> NoReturn:  # noqa: ANN401
        raise UserError(f"{self._path}, line {node.start_mark.line + 1}: {what}.", cure)

    def _default(self, name: str, default: Any) -> Any:  # noqa: ANN401
        if default is None:
            self.refuse("", f"lacks {name}")
        return default

    def _whole(self, name: str, value: object, least: int, most: int) -> int:
        if type(value) is not int or not least <= value <= most:
            self.refuse(name, f"must be a whole number from {least} to {most} (got {value!r:.60})")
        return value


def read_fields(path: Path) -> Fields:
    """The fields of a YAML file. Errors: `UserError` if it is missing or not a YAML mapping."""
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("pyyaml", "train", "A protocol") from error
    if not path.is_file():
        raise UserError(
            f"Protocol {path} does not exist.", "Check the path; experiments/README.md shows how to write one."
        )
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = "" if line is None else f", line {line + 1}"
        raise UserError(f"{path}{where} is not valid YAML: {getattr(error, 'problem', None) or error}.", FIX) from error
    if node is None:
        raise UserError(f"{path} is empty.", FIX)
    yaml_text(path)  # rejects aliases that expand to too much
    return Fields(path, node)


def normal(value: Any) -> Any:  # noqa: ANN401 - a plain value
    """Normalize numbers: YAML reads 5e-4 as text and 5.0e-4 as a number; both become the number."""
    if isinstance(value, str):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                number = kind(value)
                return number if math.isfinite(number) else value
        return value
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): normal(item) for name, item in value.items()}
    return value
