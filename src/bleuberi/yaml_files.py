"""Read YAML settings files, which are untrusted input."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError

_MOST_BYTES: Final = 4 << 20
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 100


def read_yaml(path: Path) -> Any:  # noqa: ANN401 - whatever was written
    """A YAML file's value. Errors: `UserError` if it is damaged or expands to too many values."""
    import yaml

    text = yaml_text(path)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}", "Correct the file.") from error


def yaml_text(path: Path) -> str:
    """A YAML file's text, for a parser. Errors: `UserError` if it is not text or its aliases expand to too much.

    Ten lines of nested aliases can expand to billions of values.
    """
    import yaml

    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST_BYTES + 1).decode("utf-8-sig")
        sizes: dict[str, int] = {}
        open_nodes: list[tuple[str | None, int]] = []  # anchor, values so far
        values = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, values))
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = open_nodes.pop()
                if anchor is not None:
                    sizes[anchor] = values - before + 1
            elif isinstance(event, yaml.AliasEvent):
                values += sizes.get(event.anchor, 1)
            values += 1
            if values > _MOST_VALUES or len(open_nodes) > _DEEPEST or len(text) > _MOST_BYTES:
                raise UserError(
                    f"{path} has too many or too deeply nested values, with aliases (*name) expanded.",
                    "Reduce it to the settings it needs.",
                )
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}", "Correct the file.") from error
    return text
