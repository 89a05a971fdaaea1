"""Flag parsing, error reporting and output shared by all commands."""

from __future__ import annotations

import argparse
import difflib
import errno
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn

from bleuberi.artifacts import read_manifest
from bleuberi.atomic_files import clear_temporaries
from bleuberi.cli.stopping import AsStop, exit_code, stoppable, stopped_line
from bleuberi.cli.streams import outlive_readers, refuse_lost_results, results_alone, say_document, write_in_any_locale
from bleuberi.errors import UserError
from bleuberi.plain_text import plain, say
from bleuberi.redaction import redact, remember_secrets
from bleuberi.strict_json import strict_json

# File-system errors the user can fix.
_REFUSALS: Final = frozenset(
    {
        errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
        errno.EROFS, errno.EDQUOT,
    }
)  # fmt: skip

REWARD_NAMES: Final = "bleu, rouge, meteor, chrf, bertscore, emb:MODEL, ... (docs/rewards.md), or package.module:Class"

Command = Callable[[Sequence[str]], int]


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Adds a default to a flag's help, unless it is empty or the help already states it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or "", action.default
        stated = "(default" in text or text.endswith(f"({default})")
        if stated or default is None or default is False or default in ([], {}, ""):
            return action.help
        return super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations; errors have two lines and suggest the nearest flag."""

    def __init__(self, prog: str, description: str, examples: str = "") -> None:
        """`examples` are printed verbatim at the end of the help; then the flags' help texts state the defaults."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter if examples else _Defaults,
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
    """Run a command. A `UserError` prints two lines and exits with 2; bugs keep their traceback."""
    try:
        with stoppable() as signals:
            return _run(command, argv, signals)
    except KeyboardInterrupt as stop:  # while signal handlers were being set or restored
        return _stopped(stop, argv)


def _run(command: Command, argv: Sequence[str], signals: Sequence[int]) -> int:
    try:
        with AsStop(signals):
            prepare_streams()
            remember_secrets(argv)
            talk_on_stderr()
            with results_alone("--json" in argv):
                code = command(argv)
            refuse_lost_results()
    except UserError as error:
        return _tell(error)
    except OSError as error:
        if error.errno not in _REFUSALS or error.filename is None:
            raise
        what = f"{error.filename!s:.120} cannot be used: {error.strerror}."
        return _tell(UserError(what, "Check the path and its permissions."))
    except KeyboardInterrupt as stop:
        return _stopped(stop, argv)
    return code


def _stopped(stop: KeyboardInterrupt, argv: Sequence[str]) -> int:
    clear_temporaries()
    say(stopped_line(argv), file=sys.stderr)
    return exit_code(stop)


def prepare_streams() -> None:
    """Make output robust against closed pipes, encodings and closed descriptors. Call before printing anything."""
    outlive_readers()
    write_in_any_locale()


def _tell(error: UserError) -> int:
    say(redact(f"Error: {error.what}\n{error.cure}"), file=sys.stderr)
    return 2


class RedactingFormatter(logging.Formatter):
    """Hides secrets: messages may quote prompts, names, paths and library errors."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(redact(super().format(record)))


def say_json(content: object) -> None:
    """Print one JSON document on standard output, for scripts; everything else goes to standard error."""
    text = strict_json(content, ascii_only=True, indent=2, default=str)
    say_document(text.replace("\x7f", "\\u007f"))  # JSON's escape


def say_made(folder: Path, **facts: object) -> None:
    """Print a finished folder for scripts: path, manifest and further facts."""
    say_json({"folder": folder, **facts, "manifest": read_manifest(folder)})


def hide_secrets_in_tracebacks() -> None:
    """Hide keys in tracebacks too, because users share them."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show


def talk_on_stderr() -> None:
    """Send the package's log messages to standard error unformatted; only results go to standard output."""
    logger = logging.getLogger("bleuberi")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingFormatter("%(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
