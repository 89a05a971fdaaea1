"""Standard output and standard error that outlive their readers.

`bleuberi data grpo … | head -1` must not lose hours of answers because `head` has gone: what nobody reads any more goes
nowhere, and the work goes on. The exit code speaks of the work, so it stays 0 then, as with ripgrep; code 141 would
tell `set -o pipefail` that a data set is missing which lies there whole.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

from bleuberi.errors import UserError
from bleuberi.plain_text import say

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# A closed pipe, and a terminal that was closed over its programs.
_READER_IS_GONE: Final = frozenset({errno.EPIPE, errno.EIO})

_DOCUMENTS: Final[list[list[str]]] = []  # of the commands that run, for their end


class _Outliving(io.FileIO):
    """A descriptor that leads to the null device as soon as it cannot be written to."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # the descriptor itself: libraries and child processes write to it too
            os.close(null)
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Make this process's own output go on when nobody reads it; a stream that a test or a tool put there is let be.

    A descriptor that came closed leads to the null device: the next file to be opened would get its number, and with it
    whatever a library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _outliving(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _outliving(sys.stderr, sys.__stderr__, 2)


def write_in_any_locale() -> None:
    """Characters that the terminal's encoding lacks are shown by their number: a result must not fail on a dash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def results_alone(alone: bool) -> Iterator[None]:
    """Within, what is printed goes to standard error, by libraries and child processes too, where `alone` is asked for.

    Standard output then has nothing but the documents of `say_document`, which are printed at the end.
    """
    if not alone:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    _DOCUMENTS.append([])
    try:
        with contextlib.redirect_stdout(sys.stderr):
            os.dup2(2, 1)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        documents = _DOCUMENTS.pop()
    for text in documents:
        say(text)


def say_document(text: str) -> None:
    """Print a result that stands alone on standard output; at once where nothing else is kept away from it."""
    if _DOCUMENTS:
        _DOCUMENTS[-1].append(text)
    else:
        say(text)


def refuse_lost_results() -> None:
    """Errors: `UserError` where standard output could not be written for another reason than that nobody reads it."""
    stream = sys.stdout
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
    failure = raw.failure if isinstance(raw, _Outliving) else None
    if failure is not None and failure.errno not in _READER_IS_GONE:
        raise UserError(
            f"What the command prints could not be written: {failure.strerror}.",
            "Its files are finished. Make room, or print elsewhere: the same command prints it again.",
        )


def _outliving(stream: TextIO | None, own: TextIO | None, number: int) -> TextIO:
    if stream is None:  # the process began without it
        return open(number, "w", encoding="utf-8", closefd=False)
    if stream is not own or not isinstance(stream, io.TextIOWrapper) or stream.fileno() != number:
        return stream
    stream.flush()
    raw = _Outliving(number, "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # unbuffered (-u) as Python's own
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
