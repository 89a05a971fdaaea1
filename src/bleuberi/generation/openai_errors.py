"""Classify a server's errors by the wording of the servers in use: a prompt that is too long, a moderated prompt, or
problems with the key, the address, the account or the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from bleuberi.records import Message

Kind = Literal["too_long", "moderated", "busy", "row", "end"]
"""`busy`: ask again later. `row`: it may be about this row alone. `end`: no row will fare better."""

_LONG_QUOTE: Final = 40  # characters of a prompt that an error may quote, and that are not its own words
_LOOKED_AT: Final = 10_000  # characters of an error, at each of its ends: a reply may have 32 MiB
_AGAIN: Final = frozenset({408, 409, 425, 429})
_NO_QUOTA: Final = re.compile(
    r"insufficient[ _](quota|balance|credits?|funds)|exceeded your current quota|billing[ _](hard[ _])?limit|"
    r"credit balance is too low|arrears|欠费|余额不足",
    re.IGNORECASE,
)

# Explicit names first; then a prompt that is "too long"; then an amount of tokens that is above a limit.
_TOO_LONG: Final = re.compile(
    r"context_length_exceeded|exceed_context_size|string_above_max_length|model_max_prompt_tokens_exceeded|"
    r"(maximum|max|model'?s|available|exceeds?( the)?|supports?|configured|loaded with) "
    r"(allowed |input |model |total )?(context|prompt|sequence|input)[ _-]?(length|size|window|limit)|"
    r"context (length|window|size|limit) (of|is|exceeded|overflow)|"
    r"exceeds?[^.]{0,40}context (length|window|limit|size)|"
    r"exceeds? max_?(seq|model|input|sequence)_?len|max_input_len|"
    r"\b(prompts?|inputs?|messages|conversation|request)\b[^.:]{0,30}\b(is|are|was)? ?too (long|large)\b|"
    r"too large for model|\btoo many (input |prompt |total )?tokens\b(?! ?(, )?(please )?(wait|per))|"
    r"reduce the length of the (messages|prompt|input)|please reduce (the length|your prompt)|"
    r"`?inputs`? (tokens \+|must have less)|longer than the (maximum )?(model|context)|"
    r"range of input length should be|exceed(s|ed)? (the )?model'?s? (maximum )?token limit|"
    r"tokens to keep from the initial prompt is greater|prompt exceeds max length|"
    r"(input|prompt|request)[^.]{0,40}tokens?[^.]{0,40}(exceeds?|exceeded|longer than|larger than|over) [^.]{0,60}"
    r"(max|limit|allowed|context)|"
    r"prompt 超长|输入长度|(输入|提示).{0,6}过长",
    re.IGNORECASE,
)
_NEVER_FITS: Final = "tokens must be reduced"  # OpenAI's rate limit, for a request that alone is above it
_NOT_TOO_LONG: Final = re.compile(
    r"completion tokens|tokens per (min|day)|rate.?limit|quota|throttl|please wait|output limit|output tokens limit",
    re.IGNORECASE,
)
_MODERATED: Final = re.compile(
    r"content[ _-]?(filter|policy|management|moderat)|data_?inspection_?failed|inappropriate content|invalid_prompt|"
    r"prohibited_content|blocklist|flagged|moderation|responsible_?ai|content exists risk|considered high risk|"
    r"safety (system|filter|check|setting|polic|reason)|\bSAFETY\b|usage (polic|guideline)|guardrail|"
    r"(violat\w+|against) [^.]{0,40}(polic|guideline|terms|rules)|sensitive (content|information|word|material)|"
    r"new_sensitive|detected an error in the prompt|repetitive patterns in your prompt|"
    r"不安全|敏感|违规|违反",
    re.IGNORECASE,
)
_SYSTEM_TURN: Final = re.compile(
    r"system (role|message|prompt|instruction)s?[^.]{0,40}(not (be )?(supported|allowed|enabled)|unsupported)|"
    r"(role|roles)[^.]{0,30}system|only user and assistant roles|developer instruction is not enabled",
    re.IGNORECASE,
)
_ALTERNATE: Final = re.compile(r"roles must alternate|must alternate|alternating", re.IGNORECASE)


class Refusal(NamedTuple):
    """The kind of a server's error, its message, and the remedy."""

    kind: Kind
    message: str
    cure: str = ""


def classify(
    status: int,
    headers: Mapping[str, str],
    reply: object,  # JSON
    asked: Sequence[Message],
    key_name: str,
) -> Refusal:
    """Classify an error. `reply`: its JSON, or its text; `asked`: the row's turns, which the error may quote."""
    message = f"HTTP {status}: {error_message(reply)}"
    words = own_words(reply, asked)
    if status not in (401, 402, 404, 407):
        if is_too_long(words) or (status == 413 and not _NOT_TOO_LONG.search(words)):
            return Refusal("too_long", message)
        if status == 451 or (status not in _AGAIN and _MODERATED.search(words)):
            return Refusal("moderated", message)
    if status == 402 or _NO_QUOTA.search(words):
        return Refusal("end", message, "Top up the account of the key, or raise its limit, then rerun the command.")
    if status in _AGAIN or status >= 500 or status < 300:
        return Refusal("busy", message)
    if status in (401, 407):
        what = "the proxy's password in HTTPS_PROXY" if status == 407 else f"the environment variable {key_name} to"
        return Refusal("end", message, f"Set {what} a key that it takes." if status == 401 else f"Set {what}.")
    if status < 400:
        place = headers.get("location", "")[:200]
        return Refusal("end", f"{message} (to {place})", "Give the address that it redirects to as --base_url.")
    if status in (404, 405, 410):
        return Refusal("end", message, "Check --model and --base_url: most servers have their interface under /v1.")
    return Refusal("row", message, _row_cure(status, words, key_name))


def is_too_long(words: str) -> bool:
    """Whether an error says that the prompt (with the response to come) does not fit the model."""
    return _NEVER_FITS in words or (bool(_TOO_LONG.search(words)) and not _NOT_TOO_LONG.search(words))


def is_moderated(words: str) -> bool:
    """Whether an error, or a finish reason, says that a content filter stopped the prompt or the response."""
    return bool(_MODERATED.search(words))


def error_message(reply: object) -> str:
    """The message in a server's error reply, at most 300 characters."""
    if isinstance(reply, str):
        return reply.strip()[:200]
    error = reply.get("error", reply) if isinstance(reply, dict) else reply
    found = error.get("message", error) if isinstance(error, dict) else error
    return quoted(found, 300) if not isinstance(found, str) else found[:300]


def quoted(value: object, most: int) -> str:
    """A value of a reply for a message, cut to `most` characters. A value nested too deeply to print is replaced by its
    type."""
    try:
        return repr(value)[:most]
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"


def own_words(reply: object, asked: Sequence[Message]) -> str:
    """The server's own words in an error (only both ends of a long one): validators quote the request, whose text may
    be about anything."""
    try:
        text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)  # noqa: TID251 - not written
    except RecursionError:
        return ""
    for turn in asked:
        quote = turn["content"]
        if len(quote) < _LONG_QUOTE:
            continue
        spelled = json.dumps(quote, ensure_ascii=False)[1:-1]  # noqa: TID251 - not written
        text = text.replace(spelled, "").replace(quote, "")
    return text if len(text) <= 2 * _LOOKED_AT else f"{text[:_LOOKED_AT]} … {text[-_LOOKED_AT:]}"


def _row_cure(status: int, words: str, key_name: str) -> str:
    if _SYSTEM_TURN.search(words):
        return "This model takes no system turn: --fold_system puts its text before the user's."
    if _ALTERNATE.search(words):
        return "Its template takes user and assistant turns in turn; a system turn goes into the user's: --fold_system."
    if status == 403:
        return f"Check that the key in {key_name} may use this model, and that the server takes requests from here."
    return "Check --model and --base_url."
