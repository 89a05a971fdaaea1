"""Keep running if the reader of standard output or standard error goes away.

`bleuberi data grpo … | head -1` must not lose hours of work because `head` has exited: further output is discarded and
the command continues. The exit code reflects the work, so it stays 0, as with ripgrep; with 141, `set -o pipefail`
would report a failure although the data set is complete.
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

# A closed pipe, or a terminal closed while the program runs.
_READER_IS_GONE: Final = frozenset({errno.EPIPE, errno.EIO})

_DOCUMENTS: Final[list[list[str]]] = []  # per running command, printed at its end


class _Outliving(io.FileIO):
    """A file that redirects its descriptor to the null device after the first failed write."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())  # redirect the descriptor itself, because libraries and child processes use it
            os.close(null)
            return memoryview(data).nbytes


def outlive_readers() -> None:
    """Let this process's own output survive a closed reader. Streams replaced by tests or tools are unchanged.

    A descriptor that is already closed is opened on the null device: otherwise the next opened file would get its
    number and receive whatever a library prints.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _outliving(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _outliving(sys.stderr, sys.__stderr__, 2)


def write_in_any_locale() -> None:
    """Escape characters that the terminal cannot encode, so that printing a result cannot fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def results_alone(alone: bool) -> Iterator[None]:
    """If `alone`, redirect all printing to standard error, including libraries and child processes.

    Standard output then contains only the documents of `say_document`, printed at the end.
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
    """Print a result document: at the end within `results_alone`, otherwise immediately."""
    if _DOCUMENTS:
        _DOCUMENTS[-1].append(text)
    else:
        say(text)


def refuse_lost_results() -> None:
    """Errors: `UserError` if writing standard output failed for a reason other than a closed reader."""
    stream = sys.stdout
    stream.flush()
    raw = getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None))
    failure = raw.failure if isinstance(raw, _Outliving) else None
    if failure is not None and failure.errno not in _READER_IS_GONE:
        raise UserError(
            f"The output could not be printed: {failure.strerror}.",
            "All files are complete. Free space or redirect the output, then rerun the command to print it again.",
        )


def _outliving(stream: TextIO | None, own: TextIO | None, number: int) -> TextIO:
    if stream is None:  # the process was started without it
        return open(number, "w", encoding="utf-8", closefd=False)
    if stream is not own or not isinstance(stream, io.TextIOWrapper) or stream.fileno() != number:
        return stream
    stream.flush()
    raw = _Outliving(number, "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # unbuffered (-u), like Python's own
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
