"""When to ask a busy server again. Knows clocks and HTTP's Retry-After; knows no requests."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_DELAY_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0  # that a server can ask for; after it the server is asked again


class Gate:
    """One door for all threads: when the server asks for a pause, all of them wait."""

    def __init__(self) -> None:
        self._open_at = 0.0
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._open_at = max(self._open_at, time.monotonic() + seconds)

    def wait(self) -> bool:
        """Wait until the door is open. False where the run has been stopped meanwhile."""
        while (left := self._open_at - time.monotonic()) > 0:
            if self._stopped.wait(left):
                break
        return not self._stopped.is_set()

    def sleep(self, seconds: float) -> bool:
        """Wait for one's own sake. False where the run has been stopped meanwhile."""
        return not self._stopped.wait(seconds)

    def stop(self) -> None:
        self._stopped.set()


def delay_seconds(attempt: int, first_delay_seconds: float) -> float:
    """Twice as long each time, and never the same for two threads, so that they do not come back together."""
    ceiling = min(LONGEST_DELAY_SECONDS, first_delay_seconds * 2.0**attempt)
    return ceiling * random.uniform(0.5, 1.0)


def asked_delay_seconds(headers: Mapping[str, str]) -> float | None:
    """The pause that the server asks for, in any of the forms in use, at most an hour; None where it names none."""
    asked = _asked_seconds(headers.get("retry-after-ms", "").strip(), headers.get("retry-after", "").strip())
    return None if asked is None or math.isnan(asked) else min(max(0.0, asked), LONGEST_PAUSE_SECONDS)


def _asked_seconds(milliseconds: str, value: str) -> float | None:
    if milliseconds.isdecimal():
        return float(milliseconds) / 1000
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
