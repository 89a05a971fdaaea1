"""Read from the installed libraries a field's type, its choices, and whether the packages it needs are installed.

`rules` has the choices that TRL's config classes do not list.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib.util
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.training.settings.rules import Findings, Values, check_choice


def field_types(kinds: Iterable[type]) -> dict[str, Any]:
    """A mapping from field name to type annotation, for all fields of several data classes."""
    hints: dict[str, Any] = {}
    for kind in kinds:
        known = typing.get_type_hints(kind)
        hints |= {item.name: known[item.name] for item in dataclasses.fields(kind)}
    return hints


def installed_choices(kinds: Iterable[type]) -> dict[str, Sequence[str]]:
    """A mapping from field name to its allowed texts, for fields whose type or metadata lists them."""
    found: dict[str, Sequence[str]] = {}
    for kind in kinds:
        known = typing.get_type_hints(kind)
        for item in dataclasses.fields(kind):
            told = item.metadata.get("choices") or tuple(_told_by_type(known[item.name]))
            if told:
                found[item.name] = tuple(str(choice) for choice in told)
    return found


def check_installed_choices(kinds: Iterable[type], values: Values) -> Findings:
    """Find values that are not among the installed class's choices."""
    for name, choices in installed_choices(kinds).items():
        if name in values:
            yield from check_choice(name, values[name], choices)


def plain_kinds(hint: Any) -> set[type]:  # noqa: ANN401 - any type annotation
    """The classes that a value of the annotated type can have, containers without their items."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return {type(value) for value in typing.get_args(hint)}
    if origin in (typing.Union, types.UnionType):
        return {kind for part in typing.get_args(hint) for kind in plain_kinds(part)}
    return {origin or hint}


def item_kinds(hint: Any) -> set[type]:  # noqa: ANN401 - any type annotation
    """The classes that an item of an annotated list can have; empty if the annotation does not name them."""
    if typing.get_origin(hint) is list:
        return {kind for part in typing.get_args(hint) for kind in plain_kinds(part)}
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return {kind for part in typing.get_args(hint) for kind in item_kinds(part)}
    return set()


def check_helpers(values: Values, *, elsewhere: bool = False) -> Findings:
    """Find fields that need a library that is not installed; the trainer would fail with the model in memory.

    `elsewhere`: the run is meant for another machine, which may have vLLM.
    """
    for name, package, extra in (("use_vllm", "vllm", "vllm"), ("use_peft", "peft", "train"),
                                 ("deepspeed", "deepspeed", "deepspeed")):  # fmt: skip
        given = values.get(name)
        is_off = not given or (isinstance(given, str) and given.lower() in ("false", "no", "n", "f", "0"))  # of a flag
        if not is_off and not (elsewhere and package == "vllm") and importlib.util.find_spec(package) is None:
            yield MissingExtraError(package, extra, f"{name}: {values[name]}")
    yield from _check_reports(values.get("report_to"))


PACKAGES: Final[Mapping[str, Sequence[tuple[str, str, str]]]] = {
    "optim": (
        ("adamw_torch_(4|8)bit", "torchao", "torchao"),
        ("galore_.*", "galore_torch", "galore-torch"),
        (".*8bit.*|paged_.*|ademamix|lion_32bit|rmsprop_bnb.*", "bitsandbytes", "bitsandbytes"),
        ("(ada)?lomo", "lomo_optim", "lomo-optim"),
        ("grokadamw", "grokadamw", "grokadamw"),
        ("schedule_free_.*", "schedulefree", "schedulefree"),
        ("apollo_.*", "apollo_torch", "apollo-torch"),
        ("stable_adamw", "optimi", "torch-optimi"),
    ),
    "attn_implementation": (
        ("flash_attention_2", "flash_attn", "flash-attn"),
        ("flash_attention_3", "flash_attn_interface", "flash-attn-3"),
        (".+/.+", "kernels", "kernels"),
    ),
    "use_liger_kernel": (("True", "liger_kernel", "liger-kernel"),),
    "use_kernels": (("True", "kernels", "kernels"),),
    "load_in_4bit": (("True", "bitsandbytes", "bitsandbytes"),),
}
"""Field -> (pattern of its values, module, package): what transformers imports with the model in memory."""


def missing_packages(values: Values) -> Findings:
    """Find fields whose value needs a package that is not installed."""
    for name, needs in PACKAGES.items():
        value = values.get(name)
        given = str(getattr(value, "value", value))
        module, package = next(
            ((module, package) for pattern, module, package in needs if re.fullmatch(pattern, given)), ("", "")
        )
        if module and importlib.util.find_spec(module) is None:
            what = f"{name} {given} needs the package {module}, which is not installed."
            yield UserError(what, f"pip install {package}")


def _check_reports(report_to: object) -> Findings:
    """Trackers that transformers does not know, or whose library is missing."""
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    asked = [report_to] if isinstance(report_to, str) else list(typing.cast("Sequence[str] | None", report_to) or [])
    for name in asked:
        yield from check_choice("report_to", name, (*INTEGRATION_TO_CALLBACK, "all", "none"))
    for name in asked:
        if name in INTEGRATION_TO_CALLBACK and name not in get_available_reporting_integrations():
            package = name.replace("_", "-")
            yield UserError(f"report_to {name} needs a library that is not installed.", f"pip install {package}")


def _told_by_type(hint: Any) -> Iterator[str]:  # noqa: ANN401 - any type annotation
    """The values of an enum or of a `Literal` of texts; nothing for a type that has other texts too."""
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        yield from (str(member.value) for member in hint)
    elif typing.get_origin(hint) is typing.Literal:
        yield from (value for value in typing.get_args(hint) if isinstance(value, str))
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        parts = typing.get_args(hint)
        # transformers writes an enum field as `Enum | str`: the text is the enum's value.
        if any(isinstance(part, type) and issubclass(part, enum.Enum) for part in parts) or str not in parts:
            for part in parts:
                yield from _told_by_type(part)


def values_of(parts: Iterable[object]) -> Mapping[str, Any]:
    """A mapping from field name to value, for all fields of several data class objects."""
    return {item.name: getattr(part, item.name) for part in parts for item in dataclasses.fields(part)}  # type: ignore[arg-type]
