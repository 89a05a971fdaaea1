"""The flags of every command that reads several scored responses per prompt."""

from __future__ import annotations

from typing import Any

from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
from bleuberi.cli.parser import Parser, add_flags, take
from bleuberi.selection.config import SamplesConfig


def add_samples_flags(parser: Parser) -> None:
    """Add them, and those of the engine."""
    add_flags(parser, SamplesConfig)
    add_engine_flags(parser)


def take_samples_config(arguments: dict[str, Any]) -> SamplesConfig:
    """Take the parsed flags out of `arguments`. Errors: `UserError`."""
    take_engine_options(arguments)
    return take(arguments, SamplesConfig)
