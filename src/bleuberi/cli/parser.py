"""How the commands read their flags and speak. Knows argparse and logging; knows no command."""

from __future__ import annotations

import argparse
import difflib
import errno
import io
import json
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, NoReturn

from bleuberi.errors import UserError
from bleuberi.plain_text import plain, say
from bleuberi.redaction import redact, remember_secrets

# What a file system says about a path: the user's to mend, wherever it comes up.
_REFUSALS: Final = frozenset(
    {
        errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
        errno.EROFS, errno.EDQUOT,
    }
)  # fmt: skip

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
    try:
        write_in_any_locale()
        remember_secrets(argv)
        talk_on_stderr()
        return command(argv)
    except UserError as error:
        return _tell(error)
    except OSError as error:
        if error.errno not in _REFUSALS or error.filename is None:
            raise
        return _tell(
            UserError(
                f"{error.filename!s:.120} cannot be used: {error.strerror}.", "Check the path and who may use it."
            )
        )
    except KeyboardInterrupt:
        say(stopped_line(argv), file=sys.stderr)
        return 130


def stopped_line(argv: Sequence[str]) -> str:
    """What Ctrl-C leaves, and how to go on, in one line; `argv` begins with the command's words."""
    first = argv[0] if argv else ""
    if first in ("train", "demo"):
        return "Stopped. The last checkpoint and the metrics are saved: the same command goes on from there."
    if first in ("data", "references", "evaluate", "grpo", "sft"):
        return "Stopped. Answers and scores that were finished are saved: the same command goes on from there."
    return "Stopped. Nothing is left half-written: the same command starts again."


def _tell(error: UserError) -> int:
    say(redact(f"Error: {error.what}\n{error.cure}"), file=sys.stderr)
    return 2


class RedactingFormatter(logging.Formatter):
    """Messages quote prompts, names and paths, and a library's error what it was given."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(redact(super().format(record)))


def say_json(content: object) -> None:
    """One JSON document on standard output, for scripts; whatever else is said goes to standard error."""
    say(json.dumps(content, indent=2, ensure_ascii=True, default=str).replace("\x7f", "\\u007f"))  # JSON's own escape


def write_in_any_locale() -> None:
    """Characters that the terminal's encoding lacks are shown by their number: a result must not fail on a dash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def hide_secrets_in_tracebacks() -> None:
    """A bug's traceback goes into reports and chats: keys are hidden in it too."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show


def talk_on_stderr() -> None:
    """The package's own messages go to standard error as they are; results alone go to standard output."""
    logger = logging.getLogger("bleuberi")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
