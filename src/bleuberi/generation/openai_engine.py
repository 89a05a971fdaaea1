"""Generate responses with a server that has OpenAI's chat interface: many requests at once, retries, and errors that
end a run.

The key is read only from the environment and sent only in the request's header.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal, NamedTuple

from bleuberi.errors import UserError
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.openai_errors import Refusal, classify, own_words
from bleuberi.generation.openai_protocol import (
    ServerError,
    UnusableAnswerError,
    refused_settings,
    request_body,
    to_output,
)
from bleuberi.generation.options import EngineOptions
from bleuberi.redaction import redact
from bleuberi.web.client import NoReplyError, Reply, WebClient
from bleuberi.web.jobs import as_finished
from bleuberi.web.patience import LONGEST_PAUSE_SECONDS, Gate, asked_delay_seconds, delay_seconds, pause_seconds

log = logging.getLogger(__name__)

MOST_TRIES: Final = 8  # of one row, if the server fails
MOST_PAUSES: Final = 200  # of one row, if the server asks for patience
TRIES_TO_REACH: Final = 3  # a server that never answered
TRIES_TO_GO_ON: Final = 3  # of one row, if the others go on without it; also of one whose answers are unusable
MOST_UNANSWERED: Final = 8  # rows in vain before a server that answered nothing is asked no more
MOST_FAILED: Final = 3  # rows in a row on which a server fails for good although it has answered others
FIRST_REFUSALS: Final = 3  # rows that a server refuses before it has answered any: then it refuses all
MOST_REFUSALS: Final = 200  # rows in a row that it refuses although it has answered others


class _Failure(NamedTuple):
    """Why a request has to be repeated. A `pause` holds back all requests, for as long as the server asked."""

    what: str
    kind: Literal["failed", "unreachable", "unusable", "pause", "reworded"] = "failed"
    seconds: float | None = None


class _Given(NamedTuple):
    """An output, and whether the model produced it. A server's refusal to read a prompt does not show that its model
    works."""

    output: Output
    by_model: bool


class OpenAIEngine:
    """Sends up to `concurrency` requests at once, and yields each response as it arrives."""

    def __init__(
        self, model: str, options: EngineOptions, first_delay_seconds: float = 1.0, *, go_on: bool = False
    ) -> None:
        """A row gets the finish reason `no_answer` if the server refuses it or fails on it while it answers others, or
        if its responses are unusable. With `go_on`, this also holds if the server answers no row.

        Errors: `UserError` if the key is missing, or if an address or a proxy cannot be used.
        """
        self.model, self.url = model, options.url
        self.has_answered = False
        self._concurrency = options.concurrency
        self._timeout_seconds = options.timeout_seconds
        self._first_delay_seconds = first_delay_seconds
        self._go_on = go_on
        self._unanswered = self._refused_in_a_row = self._failed_in_a_row = 0
        self._key_name = options.api_key_env
        self._template_kwargs = dict(options.chat_template_kwargs)
        self._key = _api_key(options)
        self._unknown: set[str] = set()  # settings that the server does not take
        self._limit_name = "max_tokens"
        self._client()  # says what is wrong with the address before anything is read

    def _client(self) -> WebClient:
        return WebClient(
            f"{self.url}/chat/completions",
            timeout_seconds=self._timeout_seconds,
            at_once=self._concurrency,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
        )

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        """Generate all responses. If the server fails for good, the requests in flight are still finished and yielded
        before the error.

        Errors: `UserError`, also for a server that refuses the first rows and answers none.
        """
        client, gate = self._client(), Gate()
        held: list[tuple[Request, Refusal]] = []  # refused before any was answered: about the row, or about all?

        async def job(request: Request) -> _Given | Refusal | None:
            try:
                return await self._answer(client, request, sampling, gate)
            except UserError:
                gate.stop()
                raise

        for request, result in as_finished(
            requests, job, self._concurrency, close=client.close,
            may_start=lambda: self.has_answered or len(held) < FIRST_REFUSALS,
        ):  # fmt: skip
            if isinstance(result, Refusal) and not self.has_answered:
                held.append((request, result))
            elif isinstance(result, Refusal):
                yield request, self._refused(result)
            elif result is not None:
                if result.by_model:
                    self.has_answered, self._refused_in_a_row, self._failed_in_a_row = True, 0, 0
                    for early, refusal in held:
                        yield early, self._refused(refusal)
                    held.clear()
                yield request, result.output
        if held:
            raise self._error(held[0][1])

    async def _answer(
        self, client: WebClient, request: Request, sampling: Sampling, gate: Gate
    ) -> _Given | Refusal | None:
        """The output for one row; a `Refusal` that may concern only this row; None if the run was stopped meanwhile.

        Errors: `UserError`.
        """
        tries = pauses = unusable = 0
        most_failures = TRIES_TO_GO_ON if self._go_on else MOST_TRIES
        while await gate.wait():
            if self._unanswered >= MOST_UNANSWERED and not self.has_answered:
                return _Given(Output("", "no_answer", 0), False)
            result = await self._ask(client, request, sampling)
            if not isinstance(result, _Failure):
                return result
            if result.kind == "reworded":
                continue
            if result.kind == "pause":
                seconds = pause_seconds(result.seconds, pauses, self._first_delay_seconds)
                self._refuse_long(seconds, result.what)
                gate.pause(seconds, result.what)
                pauses += 1
            else:
                tries += 1
                unusable += result.kind == "unusable"
            if unusable >= TRIES_TO_GO_ON:
                return self._without_answer(tries, result.what)
            lost = result.kind == "unreachable" and not self.has_answered
            if tries >= (TRIES_TO_REACH if lost else most_failures) or pauses >= MOST_PAUSES:
                self._failed_in_a_row += 1
                alone = self.has_answered and result.kind == "failed" and self._failed_in_a_row < MOST_FAILED
                if (self._go_on and not lost) or alone:
                    return self._without_answer(tries + pauses, result.what)
                raise UserError(
                    f"The server {self.url} did not answer in {tries + pauses} attempts: {result.what}",
                    "Check --base_url and the server. Finished answers are saved; the same command resumes.",
                )
            if result.kind != "pause":
                await gate.sleep(delay_seconds(tries - 1, self._first_delay_seconds), result.what)
        return None

    def _without_answer(self, tries: int, what: str) -> _Given:
        log.warning("No answer in %d attempts: %s", tries, what)
        self._unanswered += 1
        return _Given(Output("", "no_answer", 0), False)

    def _refused(self, refusal: Refusal) -> Output:
        """The output of a row that the server refuses while it answers others. Errors: `UserError` for very many."""
        log.warning("The server refused a row; the other rows continue: %s", refusal.message)
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= MOST_REFUSALS:
            raise self._error(refusal)
        return Output("", "no_answer", 0)

    def _refuse_long(self, seconds: float, what: str) -> None:
        """Errors: `UserError` if the server asks for a pause that is too long to wait for."""
        if seconds > LONGEST_PAUSE_SECONDS:
            asked = f"{seconds:,.0f} s" if seconds < 1e9 else "more than 30 years"
            raise UserError(
                f"The server {self.url} asks for a wait of {asked} before the next request ({what}).",
                "Finished answers are saved: rerun the command then, or use another key or server.",
            )

    def _error(self, refusal: Refusal) -> UserError:
        return UserError(f"The server {self.url} refuses requests for {self.model} ({refusal.message}).", refusal.cure)

    async def _ask(self, client: WebClient, request: Request, sampling: Sampling) -> _Given | Refusal | _Failure:
        body = request_body(self.model, request.conversation.messages, sampling, request.seed, self._limit_name)
        body = {name: value for name, value in body.items() if name not in self._unknown}
        if self._template_kwargs:  # vLLM's, SGLang's and llama.cpp's name; a server without it has to refuse
            body["chat_template_kwargs"] = self._template_kwargs
        try:
            reply = await client.post(body)
        except NoReplyError as error:
            return _Failure(self._without_key(str(error)), "unreachable" if error.unreachable else "failed")
        if reply.status != 200:
            try:
                content = reply.json()
            except ValueError:
                content = reply.text()
            return self._judge(reply, reply.status, content, request, body)
        try:
            return _Given(to_output(reply.json()), True)
        except ServerError as error:
            return self._judge(reply, error.status or 200, error.reply, request, body)
        except UnusableAnswerError as error:
            return _Failure(str(error), "unusable")
        except ValueError as error:
            return _Failure(f"a reply that is not JSON ({error}): {reply.text()[:200]}")

    def _judge(
        self,
        reply: Reply,
        status: int,
        content: object,  # JSON
        request: Request,
        body: dict[str, Any],
    ) -> _Given | Refusal | _Failure:
        """Decide what an error response means for the row. Errors: `UserError` if it concerns all rows."""
        asked = request.conversation.messages
        refusal = classify(status, reply.headers, content, asked, self._key_name)
        refusal = refusal._replace(message=self._without_key(refusal.message))
        if refusal.kind == "too_long":
            return _Given(Output("", "prompt_too_long", 0), False)
        if refusal.kind == "moderated":
            return _Given(Output("", "refused", 0), False)
        if status in (400, 422) and self._ask_otherwise(own_words(content, asked), refusal.message, body):
            return _Failure(refusal.message, "reworded")
        if refusal.kind == "busy":
            seconds = asked_delay_seconds(reply.headers)
            return _Failure(refusal.message, "pause" if status == 429 or seconds is not None else "failed", seconds)
        if refusal.kind == "end":
            raise self._error(refusal)
        return refusal

    def _ask_otherwise(self, words: str, message: str, body: dict[str, Any]) -> bool:
        """Whether the request can be repeated in a form that this server accepts."""
        if "max_completion_tokens" in words and "max_tokens" in body:
            self._limit_name = "max_completion_tokens"
            return True
        refused = refused_settings(words, message, body, self.model)
        if refused - self._unknown:
            log.info("The server does not know %s: left out, which means the same here", ", ".join(sorted(refused)))
        self._unknown |= refused
        return bool(refused)

    def _without_key(self, text: str) -> str:
        return redact(text.replace(self._key, "***") if self._key else text)


def _api_key(options: EngineOptions) -> str | None:
    """The key, without white space and line breaks that files and shells leave around it. Errors: `UserError`."""
    name = options.api_key_env
    key = os.environ.get(name, "").strip()
    if not key and (options.base_url is None or name != "OPENAI_API_KEY"):
        raise UserError(
            f"The environment variable {name} is not set; it must contain the server's key.",
            f"Type: export {name}=... (or name another variable with --api_key_env).",
        )
    if not key.isascii() or any(char.isspace() or not char.isprintable() for char in key):
        raise UserError(
            f"The environment variable {name} contains spaces, line breaks or characters that no key has.",
            f"Set {name} to the key alone, e.g. export {name}=$(cat FILE).",
        )
    return key or None
