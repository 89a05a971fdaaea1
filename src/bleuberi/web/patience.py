"""Decide when to retry a busy server: growing delays, HTTP's Retry-After, and one pause for all requests."""

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
    """Makes all requests of one event loop wait while the server has asked for a pause."""

    def __init__(self) -> None:
        self._open_at = 0.0
        self._said_until = 0.0
        self._stopped = asyncio.Event()

    def pause(self, seconds: float, reason: str) -> None:
        """Make all requests wait for that many seconds; a wait of more than a few seconds is logged."""
        self._open_at = max(self._open_at, time.monotonic() + seconds)
        # 16 requests can be told the same at once: one line for all of them.
        if seconds > _WORTH_A_WORD_SECONDS and self._open_at > self._said_until + _WORTH_A_WORD_SECONDS:
            self._said_until = self._open_at
            log.warning("Waiting %.0f s before the next request: %s", seconds, reason)

    async def wait(self) -> bool:
        """Wait until the pause is over. False if the run was stopped meanwhile."""
        while (left := self._open_at - time.monotonic()) > 0:
            if not await self._sleep(left):
                break
        return not self._stopped.is_set()

    async def sleep(self, seconds: float, reason: str) -> bool:
        """Wait before one request is retried; a long wait is logged. False if the run was stopped meanwhile."""
        if seconds > _WORTH_A_WORD_SECONDS:
            log.info("Waiting %.0f s before this row is asked again: %s", seconds, reason)
        return await self._sleep(seconds)

    def stop(self) -> None:
        """End all waits; no further request may start."""
        self._stopped.set()

    async def _sleep(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return not self._stopped.is_set()


def delay_seconds(attempt: int, first_delay_seconds: float) -> float:
    """The delay before a retry: it doubles with each attempt, with a random part so that requests do not all retry at
    once."""
    ceiling = min(LONGEST_DELAY_SECONDS, first_delay_seconds * 2.0 ** min(attempt, 30))
    return ceiling * random.uniform(0.5, 1.0)


def pause_seconds(asked: float | None, attempt: int, first_delay_seconds: float) -> float:
    """The pause in seconds if the server asked for `asked` seconds (None: it named no time).

    If a server asks for 0 seconds, our own delay is used; otherwise it would get hundreds of requests per second.
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
