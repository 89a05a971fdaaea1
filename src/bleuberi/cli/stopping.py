"""Handle Ctrl-C and a scheduler's termination signals.

Both end a command in the same way: partial files are removed, one line reports what is saved and how to resume, and
the exit code is 128 plus the signal number.
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
    """A signal that asks the process to end; libraries treat it like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def stoppable() -> Iterator[list[int]]:
    """Context in which the first signal raises `Stopped`; further signals within one second of it are ignored.

    Yields the list of received signal numbers, because libraries may turn the raised exception into another error.

    A later signal ends the process immediately. Ignored signals stay ignored (`nohup`, background jobs).
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
    """Context that turns a library's error caused by a signal back into `Stopped`; `signals` are the received ones."""

    def __init__(self, signals: Sequence[int]) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self._signals:
            raise Stopped(self._signals[0]) from error


def leave(code: int) -> NoReturn:
    """End the process. A Ctrl-C during exit does not print a traceback.

    After the first stop signal, a second Ctrl-C within one second of this call is ignored; a later one kills the
    process, in case its shutdown hangs.
    """
    since = time.monotonic()

    def again(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - since > _ONE_WISH_SECONDS:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        if code > 128:
            signal.signal(signal.SIGINT, again)
        # Python restores its handlers during shutdown, but ignored signals stay ignored.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN if code > 128 else signal.SIG_DFL)
    sys.exit(code)


def exit_code(stop: KeyboardInterrupt) -> int:
    """128 plus the signal number, as in shells: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


def stopped_line(argv: Sequence[str]) -> str:
    """One line about saved work and how to resume; `argv` starts with the command's name."""
    words = " ".join(argv[:2])
    first = argv[0] if argv else ""
    if first in ("train", "demo"):
        return "Stopped. Metrics are saved. Rerun the same command to resume from the last checkpoint, if any."
    if first == "compare":
        return "Stopped. Finished runs are saved. Rerun the same command to resume."
    if first in ("data", "references", "evaluate", "grpo", "sft", "benchmark") and words != "data check":
        return "Stopped. Finished responses and scores are saved. Rerun the same command to compute only the others."
    return "Stopped. No partial files are left. Rerun the same command to start again."
