"""OpenAI's chat interface: what is asked and what the replies mean. Knows JSON; knows no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.generation.base import FINISH_WORDS, MOST_TOKENS, FinishReason, Output, Sampling
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
_THOUGHTS: Final = ("thinking", "redacted_thinking", "reasoning")  # types of parts that are not the answer
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


class UnusableAnswerError(ValueError):
    """The server answered, but not with a finished text."""


def to_output(reply: str) -> Output:
    """The answer in a reply. Nothing but texts and counts gets into it, whatever the server sent.

    Errors: `UnusableAnswerError` for an answer that is not a finished text, ValueError for a reply without an answer.
    """
    try:
        content = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a reply that is not JSON: {reply[:200]}") from error
    if not isinstance(content, dict) or (content.get("error") and not content.get("choices")):
        raise ValueError(f"a reply without an answer: {reply[:200]}")
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise UnusableAnswerError(f"a reply without an answer: {reply[:200]}")
    reason = _finish_reason(choice.get("finish_reason"))
    text = _text(message.get("content"))
    refusal = message.get("refusal") or ""
    if not isinstance(refusal, str):
        raise UnusableAnswerError(f"its refusal is not a text: {refusal!r:.100}")
    if refusal:
        text, reason = text or refusal, "refused"
    model = content.get("model")
    today = datetime.now(UTC).date().isoformat()
    return Output(text, reason, _tokens(content.get("usage")), model if isinstance(model, str) else "", today)


def _finish_reason(word: object) -> FinishReason:
    """Why the answer ended. Errors: `UnusableAnswerError` where it is unfinished, as with `error` or `abort`."""
    if not word and (word is None or word == ""):
        return "stop"  # vLLM itself reads a missing reason so
    known = FINISH_WORDS.get(word.lower()) if isinstance(word, str) else None
    if known is None:
        raise UnusableAnswerError(f"its finish_reason is {word!r:.60}, so the text may be unfinished")
    return known


def _text(content: object) -> str:
    """The text of a message: a text, null, or a list of parts whose thoughts are left out."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise UnusableAnswerError(f"its content is not a text: {content!r:.100}")
    texts = []
    for part in content:
        kind, text = (part.get("type"), part.get("text")) if isinstance(part, dict) else (None, None)
        if kind == "text" and isinstance(text, str):
            texts.append(text)
        elif kind not in _THOUGHTS:
            raise UnusableAnswerError(f"a part of its content is not a text: {part!r:.100}")
    return "".join(texts)


def _tokens(usage: object) -> int:
    """The number of generated tokens; 0 if the server does not tell, or tells something else than a number."""
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS else 0


def error_message(reply: str) -> str:
    """What a server's error says, without its wrapping."""
    try:
        content = json.loads(reply)
    except (ValueError, RecursionError):
        return reply.strip()[:200]
    error = content.get("error", content) if isinstance(content, dict) else content
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
