"""A reward model served over HTTP.

One request per row: `POST url {"model", "messages", "use_activation": false}`, as vLLM's `/classify` and `/pooling`
accept. The score is read from vLLM's reply format or from `{"rewards": [x]}`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.redaction import redact
from bleuberi.rewards.base import Scores, TextReward
from bleuberi.web.address import check_timeout, check_web_address
from bleuberi.web.client import NoReplyError, Reply, WebClient
from bleuberi.web.jobs import as_finished
from bleuberi.web.patience import asked_delay_seconds, delay_seconds

log = logging.getLogger(__name__)

RETRIED: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
FOR_ALL_ROWS: Final = frozenset({401, 402, 403, 404, 405, 407, 410})
LONGEST_PAUSE_SECONDS: Final = 300.0  # a training run does not wait longer


class _RefusedError(Exception):
    """The server refuses to score a row."""

    def __init__(self, what: str, *, for_all: bool) -> None:
        super().__init__(what)
        self.for_all = for_all


class ServedRewardModel(TextReward):
    """The output of a served reward model. Transient failures are retried; the wait doubles each time.

    A row gets no score if the server refuses it but scores others.
    """

    name = "rm"
    needs_references = False
    needs_prompts = True

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        timeout_seconds: float = 60.0,
        retries: int = 4,
        wait_seconds: float = 1.0,
        at_once: int = 16,
    ) -> None:
        """Errors: `UserError` for a URL without a host or an invalid timeout."""
        url = url.strip()
        check_web_address(url, "The reward model's URL")
        check_timeout(timeout_seconds, "timeout_seconds")
        self.url, self.model = url, model
        self.timeout_seconds, self.retries, self.wait_seconds, self.at_once = (
            timeout_seconds,
            retries,
            wait_seconds,
            at_once,
        )
        self._has_scored = False

    def signature(self) -> str:
        return f"rm|served:{redact(self.url)}|model:{self.model or 'default'}|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        client = WebClient(self.url, timeout_seconds=self.timeout_seconds, at_once=self.at_once)
        scores: Scores = [None] * len(responses)
        refused: Counter[str] = Counter()

        async def job(row: int) -> float | _RefusedError:
            try:
                return await self._score_one(client, prompts[row], responses[row])
            except _RefusedError as refusal:
                if refusal.for_all:
                    raise self._error(str(refusal)) from refusal
                return refusal

        for row, result in as_finished(range(len(responses)), job, self.at_once, close=client.close):
            if isinstance(result, _RefusedError):
                refused[str(result)] += 1
                scores[row] = math.nan  # no score, and not cached
            else:
                scores[row] = result
                self._has_scored = True
        if refused:
            reason = refused.most_common(1)[0][0]
            if not self._has_scored:
                raise self._error(reason)
            log.warning(
                "The reward model refused %d of %d rows, which have no score: %s",
                refused.total(), len(responses), reason,
            )  # fmt: skip
        return scores

    async def _score_one(self, client: WebClient, prompt: str, response: str) -> float:
        """The model's score; NaN if the reply is null, because strict JSON has no NaN."""
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        body = {"messages": messages, "use_activation": False, **({"model": self.model} if self.model else {})}
        for attempt in range(self.retries + 1):
            seconds = delay_seconds(attempt, self.wait_seconds)
            try:
                reply = await client.post(body)
            except NoReplyError as error:
                reason = redact(str(error))
            else:
                if reply.status == 200:
                    return self._number(reply)
                reason = f"HTTP {reply.status} {redact(reply.text().strip()[:200])}".strip()
                if reply.status not in RETRIED:
                    for_all = reply.status in FOR_ALL_ROWS or reply.status < 400
                    raise _RefusedError(reason, for_all=for_all)
                seconds = max(seconds, asked_delay_seconds(reply.headers) or 0.0)
            if attempt < self.retries:
                if seconds > LONGEST_PAUSE_SECONDS:
                    raise UserError(
                        f"The reward model at {redact(self.url)} asks to wait {min(seconds, 1e9):,.0f} s: {reason}.",
                        "Rerun the command after that time, or use another server.",
                    )
                if seconds > 3:
                    log.info("Waiting %.0f s for the reward model: %s", seconds, reason)
                await asyncio.sleep(seconds)
        raise UserError(
            f"The reward model at {redact(self.url)} did not reply in {self.retries + 1} attempts: {reason}.",
            "Check that the server is running, or raise timeout_seconds or retries.",
        )

    def _error(self, reason: str) -> UserError:
        return UserError(
            f"The reward model at {redact(self.url)} refused: {reason}.", "Check the URL and the model's name."
        )

    def _number(self, reply: Reply) -> float:
        """The score in a reply. Errors: `UserError` quoting a reply without one number."""
        try:
            value: Any = reply.json()
            if isinstance(value, Mapping):
                value = value["rewards"] if "rewards" in value else value["data"][0]
            if isinstance(value, Mapping):
                value = value["probs"] if "probs" in value else value["data"]
            while isinstance(value, list) and len(value) == 1:
                value = value[0]
        except (ValueError, KeyError, IndexError, TypeError):
            value = ""
        if value is None:
            return math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:  # an integer too large for a float
                return math.inf
        raise UserError(
            f"The reward model at {redact(self.url)} sent a reply without a single number: {reply.body[:200]!r}",
            'Expected vLLM\'s /classify or /pooling with one label, or {"rewards": [number]}.',
        )
