"""Ctrl-C, and what a scheduler sends instead of it.

Both end a command the same way: what is half-written is cleared, one line says what is saved and how to go on, and the
exit code is 128 and the signal's number.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType, TracebackType
from typing import Final, NoReturn

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_WISH_SECONDS: Final = 1.0


class Stopped(KeyboardInterrupt):
    """A signal that asks the process to end; libraries treat it as they treat Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[list[int]]:
    """Within, the first signal raises `Stopped`, and nothing disturbs the clearing up in the second that follows.

    Gives the numbers of the signals that came: libraries turn what is raised in the midst of them into other errors.

    One that comes later ends the process at once. Signals that are ignored stay so (`nohup`, jobs in the background).
    """
    if threading.current_thread() is not threading.main_thread():
        yield []
        return
    first: list[float] = []
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if not first:
            first.append(time.monotonic())
            raise Stopped(number)
        if time.monotonic() - first[0] > _ONE_WISH_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    taken = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number in taken:
            signal.signal(number, before[number])


class AsStop:
    """Within, an error that a library made of a signal is that `Stopped` again; `signals` are those that came."""

    def __init__(self, signals: Sequence[int]) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        """Nothing is to be done before."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self._signals:
            raise Stopped(self._signals[0]) from error


def leave(code: int) -> NoReturn:
    """End the process. A Ctrl-C that comes now has nothing left to interrupt, and shows no traceback.

    Behind a stop it may be the same wish said twice; a later one ends a process that hangs while it ends.
    """
    since = time.monotonic()

    def again(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - since > _ONE_WISH_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        if code > 128:
            signal.signal(signal.SIGINT, again)
        # Python gives back its handlers while it ends; what is ignored stays so.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN if code > 128 else signal.SIG_DFL)
    sys.exit(code)


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 and the signal's number, as shells count: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def stopped_line(argv: Sequence[str]) -> str:
    """What a stop leaves, and how to go on, in one line; `argv` begins with the command's words."""
    words = " ".join(argv[:2])
    first = argv[0] if argv else ""
    if first in ("train", "demo"):
        return "Stopped. The metrics are saved: the same command goes on from the last checkpoint, if there is one."
    if first == "compare":
        return "Stopped. Finished runs are saved: the same command resumes where it was."
    if first in ("data", "references", "evaluate", "grpo", "sft", "benchmark") and words != "data check":
        return "Stopped. Answers and scores that were finished are saved: the same command makes the others only."
    return "Stopped. Nothing is left half-written: the same command starts again."
