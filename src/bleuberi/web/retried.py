"""Send one request, and retry it after transient failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.redaction import redact
from bleuberi.web.client import NoReplyError, Reply, WebClient
from bleuberi.web.patience import asked_delay_seconds, delay_seconds

log = logging.getLogger(__name__)

RETRIED: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
FOR_ALL_ROWS: Final = frozenset({401, 402, 403, 404, 405, 407, 410})
LONGEST_PAUSE_SECONDS: Final = 300.0  # a training waits for no more


class RefusedError(Exception):
    """The server refuses a request; `for_all` if it would refuse every other one too."""

    def __init__(self, what: str, *, for_all: bool) -> None:
        super().__init__(what)
        self.for_all = for_all


async def post_retried(
    client: WebClient, body: Mapping[str, Any], *, who: str, retries: int, wait_seconds: float
) -> Reply:
    """Send a request and return the reply with status 200. `who` names the server in messages, e.g. `The reward model`.

    Errors: `RefusedError` for a status that no retry changes; `UserError` if no attempt succeeds, or the server asks
    for a pause of more than five minutes.
    """
    place = f"{who} at {redact(client.url)}"
    reason = ""
    for attempt in range(retries + 1):
        seconds = delay_seconds(attempt, wait_seconds)
        try:
            reply = await client.post(body)
        except NoReplyError as error:
            reason = redact(str(error))
        else:
            if reply.status == 200:
                return reply
            reason = f"HTTP {reply.status} {redact(reply.text().strip()[:200])}".strip()
            if reply.status not in RETRIED:
                raise RefusedError(reason, for_all=reply.status in FOR_ALL_ROWS or reply.status < 400)
            seconds = max(seconds, asked_delay_seconds(reply.headers) or 0.0)
        if attempt < retries:
            if seconds > LONGEST_PAUSE_SECONDS:
                raise UserError(
                    f"{place} asks for a wait of {min(seconds, 1e9):,.0f} s: {reason}.",
                    "Rerun the command after that time, or use another server.",
                )
            if seconds > 3:
                log.info("Waiting %.0f s for %s: %s", seconds, who[0].lower() + who[1:], reason)
            await asyncio.sleep(seconds)
    raise UserError(
        f"{place} did not reply in {retries + 1} attempts: {reason}.",
        "Check that the server is running, or raise timeout_seconds or retries.",
    )
