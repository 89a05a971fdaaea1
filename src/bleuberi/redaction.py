"""Keys and tokens kept out of what is written and shown. Knows how secrets are named and look; knows no files.

Secrets are told by the names they are given under (`--hub_token`, `api_key=`, variables such as HF_TOKEN), by their
place in a URL, and by the prefixes that issuers give them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

HIDDEN: Final = "***"
_GIVEN_NOW: Final[set[str]] = set()
_SHORTEST: Final = 8  # a shorter value of a variable is no key, and would blank out ordinary words

_NAME: Final = re.compile(
    r"(?i)^(.*[_-])?(api[_-]?key|secret([_-]?(access)?[_-]?key)?|password|passwd|authorization|credentials?|token|"
    r"private[_-]?key|access[_-]?key)$"
)
# Tokens of text, not of access.
_HARMLESS: Final = re.compile(
    r"(?i)^(.*[_-])?(eos|bos|pad|unk|sep|cls|mask|stop|image|video|audio|special|end|start|turn|max|min|num|per|first|"
    r"last|next|new|decoder|think)[_-]token$"
)
_VARIABLE: Final = re.compile(r"(?i)(^|_)(key|token|secret|password|passwd|pat)$")
_LOOKS: Final = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|"
    r"xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{30,}|r8_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{16,})"
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_USER_OF_URL: Final = re.compile(r"(?<=://)[^/\s@'\"]+@")
_QUERY_OF_URL: Final = re.compile(
    r"(?i)([?&](?:api[_-]?key|key|token|access[_-]token|sig|signature|secret|password)=)[^&#\s'\"]+"
)
_GIVEN: Final = re.compile(r"^(--?)?([A-Za-z0-9_.-]+)=(.*)$", re.DOTALL)


def is_secret_name(name: str) -> bool:
    """Whether a flag, field or option of that name holds a secret: `hub_token` and `api_key`, not `eos_token`."""
    name = name.lstrip("-").rpartition(".")[2]
    return bool(_NAME.match(name)) and not _HARMLESS.match(name)


def redact(text: str) -> str:
    """The text with every known secret as `***`: values of variables named so, passwords and keys in URLs, and what
    looks like an issued key."""
    for value in _known_values():
        text = text.replace(value, HIDDEN)
    if "://" in text:
        text = _USER_OF_URL.sub(f"{HIDDEN}@", text)
        text = _QUERY_OF_URL.sub(rf"\1{HIDDEN}", text)
    return _BEARER.sub(rf"\1 {HIDDEN}", _LOOKS.sub(HIDDEN, text))


def redact_words(words: Iterable[str]) -> list[str]:
    """A command line that can be kept: `--hub_token X`, `--hub_token=X` and `api_key=X` without their values."""
    kept: list[str] = []
    hides_next = False
    for word in words:
        given = _GIVEN.match(word)
        if hides_next and not word.startswith("--"):
            kept.append(HIDDEN)
        elif given and is_secret_name(given[2]):
            kept.append(redact(f"{given[1] or ''}{given[2]}") + f"={HIDDEN}")  # the name can hold a key itself
        else:
            kept.append(redact(word))
        hides_next = word.startswith("--") and "=" not in word and is_secret_name(word)
    return kept


def redact_value(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A JSON value without secrets: fields that are named so, and texts by `redact`."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if isinstance(name, str) and is_secret_name(name) and isinstance(item, str) and item
            else redact_value(item)
            for name, item in value.items()
        }  # fmt: skip
    if isinstance(value, list | tuple):
        return [redact_value(item) for item in value]
    return value


def remember_secrets(words: Iterable[str]) -> None:
    """Hide from now on what a command line gives as secrets, wherever it turns up in this process."""
    words = list(words)
    for word, kept in zip(words, redact_words(words), strict=True):
        value = word if kept == HIDDEN else word.partition("=")[2] if kept.endswith(f"={HIDDEN}") else ""
        if len(value) >= _SHORTEST:
            _GIVEN_NOW.add(value)


def _known_values() -> list[str]:
    """Longest first, since one may begin with another."""
    found = _GIVEN_NOW | {
        value for name, value in os.environ.items() if _VARIABLE.search(name) and len(value) >= _SHORTEST
    }
    return sorted(found, key=len, reverse=True)
