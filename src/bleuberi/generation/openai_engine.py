"""Answer through a server with OpenAI's chat interface. Knows HTTP, threads and patience; knows no caches or pools.

The key comes from the environment alone and goes into the request's header alone.
"""

from __future__ import annotations

import logging
import os
import queue
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from multiprocessing.pool import ThreadPool
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.backoff import Gate, asked_delay_seconds, delay_seconds
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.openai_protocol import (
    UnusableAnswerError,
    error_message,
    is_too_long,
    refused_settings,
    request_body,
    to_output,
)
from bleuberi.generation.options import EngineOptions

log = logging.getLogger(__name__)

MOST_TRIES: Final = 8  # of one row, where the server fails
MOST_PAUSES: Final = 200  # of one row, where the server asks for patience
TRIES_TO_REACH: Final = 3  # a server that never answered
TRIES_TO_GO_ON: Final = 3  # of one row, where the others go on without it; also of one whose answers are unusable
MOST_UNANSWERED: Final = 8  # rows in vain before a server that answered nothing is asked no more
_AGAIN: Final = (408, 409, 425, 429)


class _Failure(NamedTuple):
    """Why a request has to be asked again. A `pause` is for all threads, as long as the server asked if it did."""

    what: str
    kind: Literal["failed", "unreachable", "unusable", "pause"] = "failed"
    seconds: float | None = None


class OpenAIEngine:
    """`concurrency` requests at once; each answer is handed on as it comes."""

    def __init__(
        self, model: str, options: EngineOptions, first_delay_seconds: float = 1.0, *, go_on: bool = False
    ) -> None:
        """A row whose answers are unusable gets the finish reason `no_answer`, and the others are still asked; with
        `go_on` also a row on which the server fails for good. Errors: `UserError` if the key is missing."""
        try:
            import httpx
        except ImportError as error:
            raise MissingExtraError("httpx", "openai", "The openai engine") from error
        self.model, self.url = model, options.url
        self._concurrency = options.concurrency
        self._first_delay_seconds = first_delay_seconds
        self._go_on = go_on
        self._unanswered = 0
        self._key_name = options.api_key_env
        self._template_kwargs = dict(options.chat_template_kwargs)
        self._key = _api_key(options)
        local = urlsplit(self.url).hostname in ("localhost", "127.0.0.1", "::1")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(options.timeout_seconds, connect=min(10.0, options.timeout_seconds)),
            limits=httpx.Limits(max_connections=self._concurrency, max_keepalive_connections=self._concurrency),
            trust_env=not local,  # a proxy cannot reach this machine's own servers
        )
        self._unknown: set[str] = set()  # settings that the server does not take
        self._limit_name = "max_tokens"
        self._reached = False

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        """Answer all. Where the server fails for good, what is in work is still handed on before the error."""
        done: queue.SimpleQueue[tuple[Request, Output | BaseException | None]] = queue.SimpleQueue()
        gate = Gate()
        pool = ThreadPool(self._concurrency)  # its threads are daemons: a stopped run waits for no server that hangs
        waiting = iter(requests)
        in_work = 0
        failure: BaseException | None = None
        try:
            while True:
                if failure is None:
                    for request in islice(waiting, self._concurrency - in_work):
                        hand_on = partial(_hand_on, done, request)
                        pool.apply_async(self._answer, (request, sampling, gate), {}, hand_on, hand_on)
                        in_work += 1
                if not in_work:
                    break
                request, result = done.get()
                in_work -= 1
                if isinstance(result, Output):
                    yield request, result
                elif isinstance(result, BaseException) and failure is None:
                    failure = result
                    gate.stop()
        finally:
            gate.stop()
            pool.terminate()
        if failure is not None:
            raise failure

    def _answer(self, request: Request, sampling: Sampling, gate: Gate) -> Output | None:
        """One row's answer; None where the run was stopped while it waited. Errors: `UserError`."""
        tries = pauses = unusable = 0
        most_failures = TRIES_TO_GO_ON if self._go_on else MOST_TRIES
        while gate.wait():
            if self._unanswered >= MOST_UNANSWERED and not self._reached:
                return Output("", "no_answer", 0)
            result = self._ask(request, sampling)
            if isinstance(result, Output):
                self._reached = True
                return result
            if result.kind == "pause":
                own = delay_seconds(pauses, self._first_delay_seconds)
                gate.pause(own if result.seconds is None else result.seconds)
                pauses += 1
            else:
                tries += 1
                unusable += result.kind == "unusable"
            if unusable >= TRIES_TO_GO_ON:
                return self._without_answer(tries, result)
            lost = result.kind == "unreachable" and not self._reached
            if tries >= (TRIES_TO_REACH if lost else most_failures) or pauses >= MOST_PAUSES:
                if self._go_on and not lost:
                    return self._without_answer(tries + pauses, result)
                raise UserError(
                    f"The server {self.url} gave no answer after {tries + pauses} tries: {result.what}",
                    "Check --base_url and the server. What was answered is kept: the same command goes on.",
                )
            if result.kind != "pause":
                gate.sleep(delay_seconds(tries - 1, self._first_delay_seconds))
        return None

    def _without_answer(self, tries: int, failure: _Failure) -> Output:
        log.warning("No answer after %d tries: %s", tries, failure.what)
        self._unanswered += 1
        return Output("", "no_answer", 0)

    def _ask(self, request: Request, sampling: Sampling) -> Output | _Failure:
        import httpx

        body = request_body(self.model, request.conversation.messages, sampling, request.seed, self._limit_name)
        body = {name: value for name, value in body.items() if name not in self._unknown}
        if self._template_kwargs:  # vLLM's, SGLang's and llama.cpp's name; a server without it has to refuse
            body["chat_template_kwargs"] = self._template_kwargs
        try:
            response = self._client.post(f"{self.url}/chat/completions", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return _Failure(f"it cannot be reached ({error})", "unreachable")
        except httpx.RequestError as error:
            return _Failure(str(error) or type(error).__name__)
        if response.status_code == 200:
            try:
                return to_output(response.text)
            except UnusableAnswerError as error:
                return _Failure(str(error), "unusable")
            except ValueError as error:
                return _Failure(str(error))
        return self._judge(response, body)

    def _judge(self, response: Any, body: dict[str, Any]) -> Output | _Failure:  # noqa: ANN401 - httpx.Response
        """What a refusal means: too long, ask otherwise, ask again, or a `UserError`."""
        reply, status = response.text, response.status_code
        message = f"HTTP {status}: {error_message(reply)}"
        if self._key:
            message = message.replace(self._key, "***")
        if status in (400, 413, 422):
            if is_too_long(reply):
                return Output("", "prompt_too_long", 0)
            if "content_filter" in reply:
                return Output("", "refused", 0)
            if self._ask_otherwise(reply, body):
                return _Failure(message, "pause", 0.0)
        if (status in _AGAIN or status >= 500) and "insufficient_quota" not in reply:
            asked = asked_delay_seconds(response.headers)
            return _Failure(message, "pause" if status == 429 or asked is not None else "failed", asked)
        cure = "Check --model and --base_url."
        if status in (401, 403):
            cure = f"Set the environment variable {self._key_name} to a key that it takes."
        raise UserError(f"The server {self.url} refuses requests for {self.model} ({message}).", cure)

    def _ask_otherwise(self, reply: str, body: dict[str, Any]) -> bool:
        """Whether the server can be asked in its own words instead."""
        if "max_completion_tokens" in reply and "max_tokens" in body:
            self._limit_name = "max_completion_tokens"
            return True
        refused = refused_settings(reply, body, self.model)
        if refused - self._unknown:
            log.info("The server does not know %s: left out, which means the same here", ", ".join(sorted(refused)))
        self._unknown |= refused
        return bool(refused)


def _hand_on(
    done: queue.SimpleQueue[tuple[Request, Output | BaseException | None]],
    request: Request,
    result: Output | BaseException | None,
) -> None:
    done.put((request, result))


def _api_key(options: EngineOptions) -> str | None:
    key = os.environ.get(options.api_key_env)
    if not key and (options.base_url is None or options.api_key_env != "OPENAI_API_KEY"):
        raise UserError(
            f"The environment variable {options.api_key_env} is not set; it has to hold the server's key.",
            f"Type: export {options.api_key_env}=... (or name another variable with --api_key_env).",
        )
    return key or None
