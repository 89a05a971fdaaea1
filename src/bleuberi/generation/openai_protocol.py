"""OpenAI's chat interface: what is asked and what the replies mean. Knows JSON; knows no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.generation.base import FinishReason, Output, Sampling
from bleuberi.records import Message

NEUTRAL: Final[dict[str, float | None]] = {
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "temperature": 1.0,
    "top_p": 1.0,
    "seed": None,
}
"""Settings that not every server knows, and the value at which leaving them out means the same (None: any).

The first three are no part of OpenAI's own interface. They are sent because vLLM and llama.cpp would else fill them
from the model's files or from defaults of their own.
"""
_TOO_LONG: Final = ("context_length_exceeded", "maximum context length", "exceed_context_size", "context window")


def request_body(
    model: str, messages: list[Message], sampling: Sampling, seed: int, limit_name: str = "max_tokens"
) -> dict[str, Any]:
    """The JSON of one request."""
    drawn = sampling.temperature > 0
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        limit_name: sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if drawn else 1.0,
        "top_k": sampling.top_k if drawn else 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    return {**body, "seed": seed} if drawn else body


def refused_settings(reply: str, body: Mapping[str, Any], model: str) -> set[str]:
    """Which settings a server does not know, by its error's words. Errors: `UserError` where leaving one out would
    change what is drawn."""
    named = {name for name in NEUTRAL if name in body and name in reply}
    for name in sorted(named):
        if NEUTRAL[name] is not None and body[name] != NEUTRAL[name]:
            raise UserError(
                f"The server of {model} does not take {name} {body[name]}: {error_message(reply)}",
                "Choose sampling that it takes, or another server.",
            )
    return named


def is_too_long(reply: str) -> bool:
    """Whether a refusal says that the prompt (with the answer to come) does not fit the model."""
    return any(words in reply.lower() for words in _TOO_LONG)


def to_output(reply: str) -> Output:
    """The answer in a reply. Errors: ValueError where there is none."""
    try:
        content = json.loads(reply)
        choice = content["choices"][0]
        message = choice["message"]
        text = message.get("content") or ""
        tokens = int((content.get("usage") or {}).get("completion_tokens") or 0)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"a reply without an answer: {reply[:200]}") from error
    reason: FinishReason = "length" if choice.get("finish_reason") == "length" else "stop"
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        reason = "refused"
        text = text or str(message.get("refusal") or "")
    return Output(text, reason, tokens, str(content.get("model") or ""), datetime.now(UTC).date().isoformat())


def error_message(reply: str) -> str:
    """What a server's error says, without its wrapping."""
    try:
        content = json.loads(reply)
    except ValueError:
        return reply.strip()[:200]
    error = content.get("error", content) if isinstance(content, dict) else content
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
