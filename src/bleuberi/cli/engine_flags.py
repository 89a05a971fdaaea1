"""Flags shared by all commands that generate responses."""

from __future__ import annotations

import json
from typing import Any

from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.cluster.options import ClusterOptions
from bleuberi.errors import UserError
from bleuberi.generation.options import AUTO, EngineOptions


def add_engine_flags(parser: Parser) -> None:
    """Add the flags as one group."""
    group = parser.add_argument_group("engine", "how responses are generated")
    summary = "vllm, transformers, openvino, openai, canned, ray; auto: best available"
    group.add_argument("--engine", default=AUTO, metavar="ENGINE", help=summary)
    add_flags(group, EngineOptions, chat_template_kwargs=_json_object, engine_args=_option)
    add_flags(group, ClusterOptions, prefix="ray_")


def take_engine_options(arguments: dict[str, Any]) -> None:
    """Replace the parsed flags in `arguments` by `engine_options`. Errors: `UserError`."""
    arguments["engine_args"] = dict(arguments["engine_args"])
    cluster = take(arguments, ClusterOptions, "ray_")
    arguments["engine_options"] = take(arguments, EngineOptions, cluster=cluster)


def _json_object(word: str) -> dict[str, Any]:
    try:
        value = json.loads(word)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(
            f"--chat_template_kwargs must be a JSON object (got {word!r:.60}).",
            """Write e.g. --chat_template_kwargs '{"enable_thinking": false}'.""",
        )
    return value


def _option(word: str) -> tuple[str, Any]:
    name, _, value = word.partition("=")
    if not name.isidentifier() or not value:
        raise UserError(f"Invalid --engine_args {word!r}.", "Write NAME=VALUE, e.g. tensor_parallel_size=4.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a plain string, e.g. dtype=bfloat16
