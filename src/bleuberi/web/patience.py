"""When to ask a busy server again: delays that grow, HTTP's Retry-After, and one pause for all requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

log = logging.getLogger(__name__)

LONGEST_DELAY_SECONDS: Final = 60.0
LONGEST_PAUSE_SECONDS: Final = 3600.0  # a server that asks for more has run out of somebody's quota
_WORTH_A_WORD_SECONDS: Final = 3.0


class Gate:
    """One door for all requests: when the server asks for a pause, all of them wait. For one event loop."""

    def __init__(self) -> None:
        self._open_at = 0.0
        self._said_until = 0.0
        self._stopped = asyncio.Event()

    def pause(self, seconds: float, reason: str) -> None:
        """Close the door for so many seconds, and say so if that is more than a few."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        # 16 requests can be told the same at once: one line for all of them.
        if seconds > _WORTH_A_WORD_SECONDS and self._open_at > self._said_until + _WORTH_A_WORD_SECONDS:
            self._said_until = self._open_at
            log.warning("Waiting %.0f s before the server is asked again: %s", seconds, reason)

    async def wait(self) -> bool:
        """Wait until the door is open. False if the run has been stopped meanwhile."""
        while (left := self._open_at - time.monotonic()) > 0:
            if not await self._sleep(left):
                break
        return not self._stopped.is_set()

    async def sleep(self, seconds: float, reason: str) -> bool:
        """Wait before one request is retried, and say so if it is long. False if the run has been stopped meanwhile."""
        if seconds > _WORTH_A_WORD_SECONDS:
            log.info("Waiting %.0f s before this row is asked again: %s", seconds, reason)
        return await self._sleep(seconds)

    def stop(self) -> None:
        """Let nobody through from now on."""
        self._stopped.set()

    async def _sleep(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return not self._stopped.is_set()


def delay_seconds(attempt: int, first_delay_seconds: float) -> float:
    """Twice as long each time, and never the same for two requests, so that they do not come back together."""
    ceiling = min(LONGEST_DELAY_SECONDS, first_delay_seconds * 2.0 ** min(attempt, 30))
    return ceiling * random.uniform(0.5, 1.0)


def pause_seconds(asked: float | None, attempt: int, first_delay_seconds: float) -> float:
    """How long to wait if the server asked for `asked` seconds (None: it named no time).

    A server that asks for no time at all would be asked hundreds of times per second: then our own delay counts.
    """
    own = delay_seconds(attempt, first_delay_seconds)
    if asked is None or asked <= 0:
        return own
    return max(asked, min(own, first_delay_seconds / 4))


def asked_delay_seconds(headers: Mapping[str, str]) -> float | None:
    """The pause in seconds that a server asks for (`retry-after-ms`, `retry-after` as seconds or a date), or None.

    It may be negative (a date that is past) or infinite. `headers`: names in lower case.
    """
    milliseconds, value = headers.get("retry-after-ms", "").strip(), headers.get("retry-after", "").strip()
    asked = _number(milliseconds)
    if asked is not None:
        return asked / 1000
    asked = _number(value)
    if asked is not None or not value:
        return asked
    try:
        when = parsedate_to_datetime(value)
        return (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError):  # not a date, or one beyond the calendar
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number
