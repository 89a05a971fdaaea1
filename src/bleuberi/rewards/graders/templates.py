"""Texts with placeholders: `{{item.x}}` is a field of the data's row, `{{sample.output_text}}` the response."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from bleuberi.artifacts import content_hash
from bleuberi.errors import UserError
from bleuberi.rewards.chat_server import ChatModel
from bleuberi.strict_json import strict_json

_PLACE: Final = re.compile(r"\{\{\s*(.{0,200}?)\s*\}\}", re.DOTALL)
_FIELD: Final = re.compile(r"item\.(\w+(?:\.\w+)*)")
_OUTPUT_JSON: Final = re.compile(r"sample\.output_json((?:\.\w+)*)")
_OUTPUT_TEXT: Final = "sample.output_text"
PROMPT_FIELDS: Final = ("messages", "prompt")  # of item: what was asked, not a reference


class Sample(NamedTuple):
    """One response with its prompt, and one value for each field of the item."""

    prompt: str
    response: str
    item: Mapping[str, str]


class Grader(Protocol):
    """Computes the scores of samples."""

    @property
    def fields(self) -> tuple[str, ...]: ...  # of the item, in their order; those of the prompt are not among them
    @property
    def needs_prompts(self) -> bool: ...
    @property
    def judges(self) -> tuple[ChatModel, ...]: ...  # that it asks
    def signature(self) -> str: ...
    def score(self, samples: list[Sample]) -> list[float | None]: ...  # N; None: cannot be scored


class Template:
    """A text with placeholders, which are checked on construction."""

    def __init__(self, text: str, where: str) -> None:
        """`where`: the grader's field, for messages. Errors: `UserError` for a placeholder that cannot be filled."""
        self.text = text
        places = [found[1] for found in _PLACE.finditer(text)]
        for place in places:
            if place != _OUTPUT_TEXT and not _FIELD.fullmatch(place) and not _OUTPUT_JSON.fullmatch(place):
                raise UserError(
                    f"{where} has the place {{{{{place}}}}}, which cannot be filled here.",
                    "Use {{item.FIELD}}, {{sample.output_text}} or {{sample.output_json.FIELD}}.",
                )
        named = dict.fromkeys(found[1] for place in places if (found := _FIELD.fullmatch(place)))
        self.fields = tuple(name for name in named if name not in PROMPT_FIELDS)
        self.needs_prompts = len(self.fields) < len(named)

    def fill(self, sample: Sample) -> str | None:
        """The filled text; None if the response is not the JSON that a placeholder needs."""
        missing = False

        def value(found: re.Match[str]) -> str:
            nonlocal missing
            place = found[1]
            if place == _OUTPUT_TEXT:
                return sample.response
            if field := _FIELD.fullmatch(place):
                return sample.prompt if field[1] in PROMPT_FIELDS else sample.item[field[1]]
            asked = _OUTPUT_JSON.fullmatch(place)
            text = _in_json(sample.response, asked[1].split(".")[1:] if asked else [])
            missing |= text is None
            return text or ""

        filled = _PLACE.sub(value, self.text)
        return None if missing else filled


def all_fields(graders: list[Grader] | list[Template]) -> tuple[str, ...]:
    """The item's fields that any of the graders or templates uses, each once, in order."""
    return tuple(dict.fromkeys(name for one in graders for name in one.fields))


def templates_hash(*templates: Template) -> str:
    """The hash of the templates in a signature."""
    return content_hash(*(one.text for one in templates))[:8]


def _in_json(text: str, path: list[str]) -> str | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value if isinstance(value, str) else strict_json(value)
