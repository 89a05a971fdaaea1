"""How the commands read their flags and speak. Knows argparse and logging; knows no command."""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from bleuberi.errors import UserError
from bleuberi.plain_text import plain, say

Command = Callable[[Sequence[str]], int]


class Parser(argparse.ArgumentParser):
    """argparse that refuses abbreviations, suggests the nearest flag, and fails in two lines like everything else."""

    def __init__(self, prog: str, description: str, examples: str = "") -> None:
        """`examples` close the help as they are written; defaults are then told by the flags' own words."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter
            if examples
            else argparse.ArgumentDefaultsHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        cure = f"See {self.prog} --help."
        unknown = next((word for word in message.split() if word.startswith("--")), "")
        if message.startswith("unrecognized arguments") and unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown.split("=")[0], flags, n=1)
            cure = f"Did you mean {near[0]}? {cure}" if near else cure
        raise UserError(f"{self.prog}: {message}", cure)


def run(command: Command, argv: Sequence[str]) -> int:
    """Run a command: expected trouble is two lines and exit code 2; a bug keeps its traceback."""
    talk_on_stderr()
    try:
        return command(argv)
    except UserError as error:
        say(f"Error: {error.what}\n{error.cure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        say("Stopped. What was finished is saved: run the same command to go on.", file=sys.stderr)
        return 130


class _PlainFormatter(logging.Formatter):
    """Messages quote prompts, names and paths."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def talk_on_stderr() -> None:
    """The package's own messages go to standard error as they are; results alone go to standard output."""
    logger = logging.getLogger("bleuberi")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_PlainFormatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
