"""OpenAI's chat interface: build requests and interpret replies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bleuberi.errors import UserError
from bleuberi.generation.base import FINISH_WORDS, MOST_TOKENS, FinishReason, Output, Sampling
from bleuberi.generation.openai_errors import error_message, is_moderated, quoted
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
_REFUSED: Final = frozenset({"safety", "recitation", "spii", "sensitive", "refusal", "blocklist"})
"""Ends that a content filter makes, beside those that its name is part of (`content_filter: PROHIBITED_CONTENT`)."""

_THOUGHTS: Final = ("thinking", "redacted_thinking", "reasoning")  # types of parts that are not the answer


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


def refused_settings(words: str, message: str, body: Mapping[str, Any], model: str) -> set[str]:
    """The settings that a server does not support, according to the words of its error. `message` is the text for
    people.

    Errors: `UserError` if omitting one would change the sampling.
    """
    named = {name for name in NEUTRAL if name in body and re.search(rf"\b{name}\b", words)}
    for name in sorted(named):
        if NEUTRAL[name] is not None and body[name] != NEUTRAL[name]:
            raise UserError(
                f"The server of {model} rejects {name} {body[name]} ({message}).",
                "Choose sampling settings that it accepts, or another server.",
            )
    return named


class UnusableAnswerError(ValueError):
    """The server answered, but not with a finished text."""


class ServerError(ValueError):
    """The server sent an error as if it were an answer, with its own status if it named one."""

    def __init__(self, reply: object, status: int | None) -> None:
        super().__init__(f"a reply without an answer: {quoted(reply, 200)}")
        self.reply, self.status = reply, status


def to_output(content: object) -> Output:
    """The output in a reply's JSON. Only texts and numbers are taken from it, whatever the server sent.

    Errors: `UnusableAnswerError` for a response that is not a finished text, `ServerError` for an error in its place.
    """
    if not isinstance(content, dict) or (content.get("error") and not content.get("choices")):
        raise ServerError(content, _status(content))
    choices = content.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        if is_moderated(quoted(content, 2000)):  # Gemini names the reason for which there are no choices
            return Output("", "refused", 0)
        raise UnusableAnswerError(f"a reply without an answer: {quoted(content, 200)}")
    reason = _finish_reason(choice)
    text = _text(message.get("content"))
    refusal = message.get("refusal") or ""
    if not isinstance(refusal, str):
        raise UnusableAnswerError(f"its refusal is not a text: {quoted(refusal, 100)}")
    if refusal:
        text, reason = text or refusal, "refused"
    model = content.get("model")
    today = datetime.now(UTC).date().isoformat()
    return Output(text, reason, _tokens(content.get("usage")), model if isinstance(model, str) else "", today)


def _status(content: object) -> int | None:
    """The status code inside an error reply, as routers send it."""
    error = content.get("error") if isinstance(content, dict) else None
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    found = int(code) if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) == 3 else code
    return found if isinstance(found, int) and 400 <= found < 600 else None


def _finish_reason(choice: Mapping[str, Any]) -> FinishReason:
    """Why the response ended. Errors: `UnusableAnswerError` if it is unfinished, as with `error` or `abort`."""
    word = choice.get("finish_reason")
    if not word and (word is None or word == ""):
        return "stop"  # vLLM itself reads a missing reason so
    known = FINISH_WORDS.get(word.lower()) if isinstance(word, str) else None
    if known is None and isinstance(word, str) and (word.lower() in _REFUSED or is_moderated(word)):
        known = "refused"
    if known is None and is_moderated(error_message(choice.get("error") or "")):
        known = "refused"
    if known is None:
        raise UnusableAnswerError(f"its finish_reason is {quoted(word, 60)}, so the text may be unfinished")
    return known


def _text(content: object) -> str:
    """The text of a message: a text, null, or a list of parts whose thoughts are left out."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise UnusableAnswerError(f"its content is not a text: {quoted(content, 100)}")
    texts = []
    for part in content:
        kind, text = (part.get("type"), part.get("text")) if isinstance(part, dict) else (None, None)
        if kind == "text" and isinstance(text, str):
            texts.append(text)
        elif kind not in _THOUGHTS:
            raise UnusableAnswerError(f"a part of its content is not a text: {quoted(part, 100)}")
    return "".join(texts)


def _tokens(usage: object) -> int:
    """The number of generated tokens; 0 if the server does not send a valid number."""
    usage = usage[0] if isinstance(usage, list) and len(usage) == 1 else usage
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if isinstance(count, float) and count.is_integer():
        count = int(count) if abs(count) <= MOST_TOKENS else 0
    return count if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MOST_TOKENS else 0
