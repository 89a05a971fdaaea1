"""Flag parsing, error reporting and output shared by all commands."""

from __future__ import annotations

import argparse
import errno
import sys
from argparse import SUPPRESS
from collections.abc import Callable, Iterable, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar

from bleuberi.cli.stopping import AsStop, exit_code, stoppable, stopped_line
from bleuberi.cli.streams import outlive_readers, refuse_lost_results, results_alone, say_document, write_in_any_locale
from bleuberi.errors import UserError, missing_extra
from bleuberi.plain_text import say
from bleuberi.redaction import redact, remember_secrets
from bleuberi.strict_json import strict_json

# File-system errors the user can fix.
_REFUSALS: Final = frozenset(
    {
        errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
        errno.EROFS, errno.EDQUOT,
    }
)  # fmt: skip

Command = Callable[[Sequence[str]], int]
C = TypeVar("C")
_KINDS: Final[dict[str, type]] = {kind.__name__: kind for kind in (str, int, float, Path)}


class _Defaults(argparse.ArgumentDefaultsHelpFormatter):
    """Adds a default to a flag's help, unless it is empty or the help already states it."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text, default = action.help or "", action.default
        stated = "(default" in text or text.endswith(f"({default})")
        if stated or default is None or default is False or default in ([], (), {}, ""):
            return action.help
        if isinstance(default, (list, tuple)):
            return f"{text} (default: {_shown(default, action.nargs)})"
        return super()._get_help_string(action)


class _RawDefaults(_Defaults, argparse.RawDescriptionHelpFormatter):
    """As `_Defaults`, without wrapping texts other than the flags' help."""


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations; errors have two lines and suggest the nearest flag."""

    def __init__(self, prog: str, description: str, examples: str = "") -> None:
        """`examples` are printed verbatim at the end of the help, and the description is not wrapped."""
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            allow_abbrev=False,
            formatter_class=_RawDefaults if examples else _Defaults,
        )

    def error(self, message: str) -> NoReturn:
        import difflib

        cure = f"See {self.prog} --help."
        unknown = next((word for word in message.split() if word.startswith("--")), "")
        if message.startswith("unrecognized arguments") and unknown:
            flags = [flag for action in self._actions for flag in action.option_strings]
            near = difflib.get_close_matches(unknown.split("=")[0], flags, n=1)
            cure = f"Did you mean {near[0]}? {cure}" if near else cure
        raise UserError(f"{self.prog}: {message}", cure)


def add_flags(
    parser: argparse._ActionsContainer,
    config: type[Any],
    names: Iterable[str] = (),
    *,
    prefix: str = "",
    unset: bool = False,
    **types: Callable[[str], Any],
) -> None:
    """Add a flag for each field of a dataclass that has a help text, or for the named fields.

    `prefix` begins the flags' names. With `unset`, a flag that is not given leaves no value. `types`: functions that
    parse the words of a field, if its annotation does not say how.
    """
    by_name = {one.name: one for one in fields(config) if "help" in one.metadata}
    for name in names or by_name:
        keywords = _keywords(by_name[name])
        if unset:
            keywords |= {"help": f"{keywords['help']} (default: {_shown(keywords['default'], keywords.get('nargs'))})"}
            keywords["default"] = SUPPRESS
        if name in types:
            keywords["type"] = types[name]
        place = keywords.pop("positional", False)
        if place:
            del keywords["required"]
        parser.add_argument(name if place else f"--{prefix}{name}", **keywords)


def _keywords(setting: Field[Any]) -> dict[str, Any]:
    """The keywords of argparse for a field. Its annotation is a text, or a class after TRL's parser has used it."""
    given = {**setting.metadata, "help": setting.metadata["help"].replace("%", "%%")}
    kind = str(setting.type).removeprefix("<class '").removesuffix("'>").removesuffix(" | None")
    if kind == "bool":
        return {"action": "store_true", **given}
    if kind.startswith(("tuple[", "list[")):
        kind = kind[kind.index("[") + 1 : -1].partition(",")[0]
        given.setdefault("nargs", "+")
    if setting.default is not MISSING:
        given["default"] = setting.default
    elif setting.default_factory is MISSING:
        given.setdefault("required", True)
    elif "default" not in given:
        given["default"] = setting.default_factory()
    least = given.pop("least", None)
    return {"type": _KINDS.get(kind, str) if least is None else _at_least(least), **given}


def _shown(default: object, nargs: int | str | None) -> str:
    """A default as it would be typed."""
    words = default if isinstance(default, (list, tuple)) else (default,)
    return (" " if nargs else ",").join(map(str, words)).replace("%", "%%")


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if (value := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{text} must be at least {least}")
        return value

    return number


def take(arguments: dict[str, Any], config: type[C], prefix: str = "", **more: object) -> C:
    """Make a dataclass from the parsed flags of its fields, which are removed from `arguments`, and `more` fields."""
    names = {one.name: prefix + one.name for one in fields(config)}  # type: ignore[arg-type]
    given = {name: arguments.pop(flag) for name, flag in names.items() if flag in arguments}
    return config(**{name: tuple(v) if isinstance(v, list) else v for name, v in given.items()} | more)


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
            if not {"-h", "--help"} & set(argv):  # help has to be quick, and quotes nothing
                from bleuberi.cli.logs import talk_on_stderr

                remember_secrets(argv)
                talk_on_stderr()
            with results_alone("--json" in argv):
                code = command(argv)
            refuse_lost_results()
    except UserError as error:
        return _tell(error, argv)
    except ModuleNotFoundError as error:
        if (missing := missing_extra(error, "This command")) is None:
            raise
        return _tell(missing, argv)
    except OSError as error:
        if error.errno not in _REFUSALS or error.filename is None:
            raise
        what = f"{error.filename!s:.120} cannot be used: {error.strerror}."
        return _tell(UserError(what, "Check the path and its permissions."), argv)
    except KeyboardInterrupt as stop:
        return _stopped(stop, argv)
    return code


def _stopped(stop: KeyboardInterrupt, argv: Sequence[str]) -> int:
    from bleuberi.atomic_files import clear_temporaries

    clear_temporaries()
    say(stopped_line(argv), file=sys.stderr)
    return exit_code(stop)


def prepare_streams() -> None:
    """Make output robust against closed pipes, encodings and closed descriptors. Call before printing anything."""
    outlive_readers()
    write_in_any_locale()


def _tell(error: UserError, argv: Sequence[str]) -> int:
    remember_secrets(argv)
    say(redact(f"Error: {error.what}\n{error.cure}"), file=sys.stderr)
    return 2


def say_json(content: object) -> None:
    """Print one JSON document on standard output, for scripts; everything else goes to standard error."""
    text = strict_json(content, ascii_only=True, indent=2, default=str)
    say_document(text.replace("\x7f", "\\u007f"))  # JSON's escape


def say_made(folder: Path, **facts: object) -> None:
    """Print a finished folder for scripts: path, manifest and further facts."""
    from bleuberi.artifacts import read_manifest

    say_json({"folder": folder, **facts, "manifest": read_manifest(folder)})


def hide_secrets_in_tracebacks() -> None:
    """Hide keys in tracebacks too, because users share them."""

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        import traceback

        remember_secrets(sys.argv)
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = show
