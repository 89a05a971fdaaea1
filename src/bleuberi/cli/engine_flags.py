"""Flags shared by all commands that generate responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bleuberi.cli.parser import Parser
from bleuberi.errors import UserError

_NAMES = (
    "base_url", "concurrency", "timeout_seconds", "api_key_env", "answers", "engine_args", "ray_engine",
    "trust_remote_code", "base_template", "chat_template_kwargs", "fold_system",
)  # fmt: skip


def add_engine_flags(parser: Parser) -> None:
    """Add the flags as one group."""
    group = parser.add_argument_group("engine", "how responses are generated")
    add = group.add_argument
    add(
        "--engine",
        default="auto",
        metavar="ENGINE",
        help="vllm, transformers, openai, canned, ray; auto: best available",
    )
    add("--base_url", metavar="URL", help="openai: server address, e.g. http://localhost:8000/v1")
    add("--concurrency", type=int, default=16, help="openai: concurrent requests")
    add("--timeout_seconds", type=float, default=600.0, help="openai: timeout per response")
    add("--api_key_env", default="OPENAI_API_KEY", metavar="NAME", help="openai: environment variable with the key")
    add("--answers", type=Path, metavar="FILE", help="canned: JSON lines with id (or prompt) and response")
    add(
        "--chat_template_kwargs",
        type=_json_object,
        default={},
        metavar="JSON",
        help="arguments for the chat template, e.g. '{\"enable_thinking\": false}', as in training",
    )
    add("--trust_remote_code", action="store_true", help="run Python code from the model; review it first")
    add("--fold_system", action="store_true", help="for models without a system turn: put its text before the user's")
    add(
        "--base_template",
        choices=("plain", "paper"),
        default="plain",
        help="format for models without a template: plain turns, or as in the paper's code",
    )
    add(
        "--engine_args",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="options of vllm.LLM, e.g. tensor_parallel_size=4, or batch_rows=64 dtype=bfloat16 for transformers",
    )
    add("--ray_engine", default="auto", metavar="ENGINE", help="ray: engine of each worker")
    add("--ray_address", metavar="HOST:PORT", help="ray: cluster address, or auto (default: start Ray here)")
    add("--ray_workers", type=int, metavar="N", help="ray: number of workers (default: as many as fit)")
    add("--ray_gpus", type=int, metavar="N", help="ray: GPUs per worker (default: tensor_parallel_size, or 1)")


def take_engine_options(arguments: dict[str, Any]) -> None:
    """Replace the parsed flags in `arguments` by `engine_options`. Errors: `UserError`."""
    from bleuberi.cluster import ClusterOptions
    from bleuberi.generation import EngineOptions

    cluster = ClusterOptions(*(arguments.pop(f"ray_{name}") for name in ("address", "workers", "gpus")))
    chosen = {name: arguments.pop(name) for name in _NAMES}
    chosen["engine_args"] = dict(_option(word) for word in chosen["engine_args"])
    arguments["engine_options"] = EngineOptions(**chosen, cluster=cluster)


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
