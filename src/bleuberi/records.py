"""Types shared by the stages, and the conversion of frozen dataclasses from and to JSON: writer and reader share one
definition."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, TypeVar, get_args, get_origin, get_type_hints

from bleuberi.errors import UserError
from bleuberi.strict_json import as_finite, strict_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record")
_PLAIN: Final = {str: "a text", int: "a whole number", bool: "true or false"}


class Message(TypedDict):
    """One turn of a conversation, as chat templates expect it."""

    role: str
    content: str


class Conversation(NamedTuple):
    """The input to a model: the turns before the last assistant turn, with the system message first, if any."""

    id: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One instruction of a pool with the requested models' references.

    `messages` ends before the answer: it is the input to a model. Models without an answer to this row are missing
    from `reference_by_model`.
    """

    id: str
    source: str
    messages: list[Message]
    prompt: str
    ground_truth: str | None
    reference_by_model: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)  # slot -> value, of the column x_facts

    def __reduce__(self) -> tuple[type[PoolRow], tuple[object, ...]]:  # three times as fast as a dataclass's own
        return PoolRow, (
            self.id, self.source, self.messages, self.prompt, self.ground_truth, self.reference_by_model, self.facts
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """An instruction with its references in the chosen order, for scoring, selection and training."""

    id: str
    source: str
    messages: list[Message]
    prompt: str
    ground_truth: str
    references: list[str]  # 1..K

    def __reduce__(self) -> tuple[type[Example], tuple[object, ...]]:  # as PoolRow's
        return Example, (self.id, self.source, self.messages, self.prompt, self.ground_truth, self.references)

    @property
    def conversation(self) -> Conversation:
        return Conversation(self.id, self.messages)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of input rows, kept rows and dropped rows by reason."""

    rows_in: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """E.g. `kept 100 of 443 (31 without claude, 310 not selected)`."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items() if count)
        return f"kept {self.kept:,} of {self.rows_in:,}" + (f" ({reasons})" if reasons else "")


def from_json(kind: type[Record], value: object, place: str) -> Record:
    """A dataclass from a JSON object with its fields as keys; fields may contain dataclasses, tuples and mappings.

    Other keys are ignored. A key that is missing or null gets the field's default, else None if the type admits it;
    null for a number is NaN, which `to_json` wrote. Errors: `UserError` that names the part, as in `place.models.0`.
    """
    if not isinstance(value, Mapping):
        raise _wrong(place, "an object", value)
    found: dict[str, Any] = {}
    for name, form, has_default in _forms(kind):  # type: ignore[arg-type]
        given = value.get(name)
        if given is None and has_default:
            continue
        if name not in value and NoneType not in get_args(form):
            raise UserError(f"{place} has no {name}.", "Restore the file, or make it again.")
        found[name] = _read(form, given, f"{place}.{name}")
    return kind(**found)


def to_json(record: DataclassInstance) -> dict[str, Any]:
    """The JSON object that `from_json` reads, with null for NaN and infinities."""
    made: dict[str, Any] = json.loads(strict_json(asdict(record), default=str))
    return made


@cache
def _forms(kind: type) -> list[tuple[str, Any, bool]]:
    """Name and type of each field, and whether it has a default."""
    hints = get_type_hints(kind)
    return [
        (one.name, hints[one.name], one.default is not MISSING or one.default_factory is not MISSING)
        for one in fields(kind)
    ]


def _read(form: Any, value: object, place: str) -> Any:  # noqa: ANN401 - of the type `form`
    parts, container = get_args(form), get_origin(form)
    if NoneType in parts:
        return None if value is None else _read(next(part for part in parts if part is not NoneType), value, place)
    if container is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(place, "a list", value)
        return tuple(_read(parts[0], one, f"{place}.{number}") for number, one in enumerate(value))
    if container is not None:
        if not isinstance(value, Mapping):
            raise _wrong(place, "an object", value)
        return {name: _read(parts[1], one, f"{place}.{name}") for name, one in value.items()}
    if is_dataclass(form):
        return from_json(form, value, place)  # type: ignore[arg-type]
    if form is float and (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
        number = None if value is None else as_finite(value)
        return math.nan if number is None else number
    if form is Any or type(value) is form:
        return value
    raise _wrong(place, _PLAIN.get(form, "a number"), value)


def _wrong(place: str, wanted: str, value: object) -> UserError:
    return UserError(f"{place} is {value!r:.40}, not {wanted}.", "Restore the file, or make it again.")
