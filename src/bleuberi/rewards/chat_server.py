"""Ask a language model on an OpenAI-compatible server, for rewards that use a judge."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import content_hash, user_cache
from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.redaction import redact
from bleuberi.web.address import check_timeout, check_web_address
from bleuberi.web.client import Reply, WebClient
from bleuberi.web.jobs import as_finished
from bleuberi.web.retried import RefusedError, post_retried

log = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.openai.com/v1"
_WHOLE: Final = frozenset({"", "stop", "eos", "eos_token", "end_turn", "stop_sequence"})
"""Finish reasons of a reply that has not been cut; servers that send none are trusted."""


@dataclass(frozen=True)
class ChatModel:
    """The model, its address and its request settings. The key is read from the environment when it is needed."""

    model: str
    base_url: str = ""  # none: OPENAI_BASE_URL, else OpenAI's own server
    api_key_env: str = "OPENAI_API_KEY"
    settings: dict[str, Any] = field(default_factory=dict)  # temperature, max_tokens, seed, ...
    timeout_seconds: float = 120.0
    retries: int = 4
    wait_seconds: float = 1.0
    at_once: int = 16

    @property
    def url(self) -> str:
        """The server's address up to `/v1`."""
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL).strip().rstrip("/")

    def check(self) -> None:
        """Errors: `UserError` for a missing model, an invalid address, or OpenAI's own server without a key."""
        if not self.model.strip():
            raise UserError("The judge has no model.", "Name the model as its server does.")
        check_web_address(self.url, "The judge's URL")
        check_timeout(self.timeout_seconds, "timeout_seconds")
        if self.url == DEFAULT_URL and not os.environ.get(self.api_key_env):
            raise UserError(
                f"The judge at {self.url} needs a key, and {self.api_key_env} is not set.",
                f"Set {self.api_key_env}, or set OPENAI_BASE_URL to a server of your own.",
            )

    def signature(self) -> str:
        """The model and its request settings, without the address."""
        words = ",".join(f"{name}={value}" for name, value in sorted(self.settings.items()))
        return f"model:{self.model}|{words}"

    def replies(self, asked: Sequence[list[Message]]) -> list[str | None]:
        """The reply to each conversation; None if the server refuses one, empty if the reply is not complete. Equal
        conversations are sent once.

        Errors: `UserError` if the server cannot be reached, or refuses all of them.
        """
        self.check()
        key = os.environ.get(self.api_key_env, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        client = WebClient(
            f"{self.url}/chat/completions", timeout_seconds=self.timeout_seconds, at_once=self.at_once, headers=headers
        )
        distinct = {_key(turns): turns for turns in asked}
        found: dict[tuple[tuple[str, str], ...], str | None] = {}
        refused: Counter[str] = Counter()

        async def job(key: tuple[tuple[str, str], ...]) -> str | RefusedError:
            body = {"model": self.model, "messages": distinct[key], **self.settings}
            try:
                reply = await post_retried(
                    client, body, who="The judge", retries=self.retries, wait_seconds=self.wait_seconds
                )
            except RefusedError as refusal:
                if refusal.for_all:
                    raise self._error(str(refusal)) from refusal
                return refusal
            return _text(reply)

        for key_of, result in as_finished(distinct, job, self.at_once, close=client.close):
            if isinstance(result, RefusedError):
                refused[str(result)] += 1
                found[key_of] = None
            else:
                found[key_of] = result
        if refused:
            reason = refused.most_common(1)[0][0]
            if refused.total() == len(distinct):
                raise self._error(reason)
            log.warning("The judge refused %d of %d requests: %s", refused.total(), len(distinct), reason)
        if without := sum(text == "" for text in found.values()):
            log.warning(
                "%d of %d replies of the judge are empty, cut or not chat completions: it may need more tokens, "
                "or another URL (that up to /v1)",
                without, len(distinct),
            )  # fmt: skip
        return [found[_key(turns)] for turns in asked]

    def _error(self, reason: str) -> UserError:
        return UserError(f"The judge at {redact(self.url)} refused: {reason}.", "Check the URL, the model and the key.")


def _key(turns: list[Message]) -> tuple[tuple[str, str], ...]:
    return tuple((turn["role"], turn["content"]) for turn in turns)


def _text(reply: Reply) -> str:
    """The text of a completion; empty for a missing or cut one, because its last line could be half a number."""
    try:
        choice = reply.json()["choices"][0]
        content, reason = choice["message"]["content"], choice.get("finish_reason") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return ""
    return content if isinstance(content, str) and str(reason).lower() in _WHOLE else ""


def scores_file(judges: Sequence[ChatModel]) -> Path:
    """The file in the user's cache with the scores of these judges: one per address, since signatures contain no
    address.

    Errors: `UserError` if there is no home folder.
    """
    return user_cache() / "judges" / f"{content_hash(*(one.url for one in judges))[:16]}.sqlite"
