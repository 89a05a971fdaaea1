"""Hide keys and tokens in everything that is written or shown.

Secrets are recognized by name (`--hub_token`, `api_key=`, `{"apiKey": ...}`, variables such as HF_TOKEN), by their
position in a URL, and by known key prefixes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

HIDDEN: Final = "***"
_GIVEN_NOW: Final[set[str]] = set()
_SHORTEST: Final = 8  # shorter values are not keys, and hiding them would blank out ordinary words

# Texts, not compiled: `re` compiles each at its first use, which `--help` never needs.
_NAME: Final = (
    r"(?i)^(.*[_-])?(api[_-]?key|secret([_-]?(access)?[_-]?key)?|password|passwd|passphrase|pwd|authorization|auth|"
    r"credentials?|token|cookies?|jwt|bearer|(private|access|account|subscription|shared|signing|encryption|license)"
    r"[_-]?key)$"
)
_IN_URL: Final = r"(?i)^(code|sid|otp|sas|ticket|(.*[_-])?(key|sig|signature|session|sessionid))$"
"""More names of secrets in URLs; `code=` is a login's authorization code."""
_WORD_END: Final = r"(?<=[a-z])(?=[A-Z])"  # apiKey
# Text tokens, not access tokens.
_HARMLESS: Final = (
    r"(?i)^(.*[_-])?(eos|bos|pad|unk|sep|cls|mask|stop|image|video|audio|special|end|start|turn|max|min|num|per|first|"
    r"last|next|new|decoder|think)[_-]token$"
)
_VARIABLE: Final = r"(?i)(^|_)(key|token|secret|password|passwd|pat)$"
_LOOKS: Final = (
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|"
    r"xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16}|AIza[A-Za-z0-9_-]{30,}|r8_[A-Za-z0-9]{30,}|glpat-[A-Za-z0-9_-]{16,})"
)
_BEARER: Final = r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
_USER_OF_URL: Final = r"(?<=://)[^/\s@'\"]+@"
_PART_OF_URL: Final = r"([?&#;])([A-Za-z0-9_.%~-]+)=([^?&#;\s'\"]+)"
_PART_OF_JSON: Final = r"""(?s)(["'])([A-Za-z0-9_.-]+)\1(\s*:\s*)(["'])((?:\\.|(?!\4).)*)\4"""
_GIVEN: Final = r"(?s)^(--?)?([A-Za-z0-9_.-]+)=(.*)$"


def is_secret_name(name: str) -> bool:
    """Whether a flag, field or option of that name contains a secret: `hub_token` and `apiKey`, not `eos_token`."""
    name = re.sub(_WORD_END, "_", name.lstrip("-").rpartition(".")[2])
    return bool(re.match(_NAME, name)) and not re.match(_HARMLESS, name)


def redact(text: str) -> str:
    """Replace every known secret by `***`: values of secret variables, passwords and keys in URLs and JSON, and texts
    that look like issued keys."""
    for value in _known_values():
        text = text.replace(value, HIDDEN)
    if "://" in text:
        text = re.sub(_USER_OF_URL, f"{HIDDEN}@", text)
    if "=" in text:
        text = re.sub(_PART_OF_URL, _hide_part, text)
    if ":" in text:
        text = re.sub(_PART_OF_JSON, _hide_field, text)
    return re.sub(_BEARER, rf"\1 {HIDDEN}", re.sub(_LOOKS, HIDDEN, text))


def redact_words(words: Iterable[str]) -> list[str]:
    """Redact a command line: `--hub_token X`, `--hub_token=X` and `api_key=X` lose their values, and
    `NAME={"api_key": "X"}` the secrets in its JSON."""
    kept: list[str] = []
    hides_next = False
    for word in words:
        given = re.match(_GIVEN, word)
        if hides_next and not word.startswith("--"):
            kept.append(HIDDEN)
        elif given and is_secret_name(given[2]):
            kept.append(redact(f"{given[1] or ''}{given[2]}") + f"={HIDDEN}")  # the name itself can contain a key
        else:
            name, content = (f"{given[1] or ''}{given[2]}=", given[3]) if given else ("", word)
            value = _json_in(content)
            hidden = redact_value(value)
            if value != hidden:
                content = json.dumps(hidden)  # noqa: TID251 - parts of a command line, read by nobody
            kept.append(redact(name + content))
        hides_next = word.startswith("--") and "=" not in word and is_secret_name(word)
    return kept


def redact_value(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Redact a JSON value: hide secret fields with all their content, and apply `redact` to all texts."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            name: _hidden(item) if isinstance(name, str) and is_secret_name(name) else redact_value(item)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_value(item) for item in value]
    return value


def remember_secrets(words: Iterable[str]) -> None:
    """From now on, hide the secrets of this command line everywhere in this process."""
    words = list(words)
    for word, kept in zip(words, redact_words(words), strict=True):
        if kept == HIDDEN:
            found = [word]
        elif kept.endswith(f"={HIDDEN}"):
            found = [word.partition("=")[2]]
        else:
            given = re.match(_GIVEN, word)
            found = list(_secrets_in(_json_in(given[3] if given else word)))
            found += [part[3] for part in re.finditer(_PART_OF_URL, word) if _is_secret_in_url(part[2])]
        _GIVEN_NOW.update(value for value in found if len(value) >= _SHORTEST)


def _hidden(item: object) -> object:
    """A secret field's value: all texts become `***`; booleans and numbers stay."""
    if isinstance(item, str):
        return HIDDEN if item else item
    if isinstance(item, Mapping):
        return {name: _hidden(part) for name, part in item.items()}
    return [_hidden(part) for part in item] if isinstance(item, list | tuple) else item


def _secrets_in(value: object, *, secret: bool = False) -> Iterator[str]:
    """Yield the texts that `redact_value` hides because of their field names."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _secrets_in(item, secret=secret or is_secret_name(str(name)))
    elif isinstance(value, list):
        for item in value:
            yield from _secrets_in(item, secret=secret)
    elif secret and isinstance(value, str):
        yield value


def _json_in(text: str) -> Any:  # noqa: ANN401 - any JSON
    """The JSON object or list in a command-line word, or None."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_secret_in_url(name: str) -> bool:
    name = unquote(name)
    return is_secret_name(name) or re.match(_IN_URL, name) is not None


def _hide_part(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={HIDDEN}" if _is_secret_in_url(match[2]) else match[0]


def _hide_field(match: re.Match[str]) -> str:
    quote, name, colon, other, value = match.groups()
    return f"{quote}{name}{quote}{colon}{other}{HIDDEN}{other}" if value and is_secret_name(name) else match[0]


def _known_values() -> list[str]:
    """Known secrets, longest first, since one may start with another."""
    found = _GIVEN_NOW | {
        value for name, value in os.environ.items() if re.search(_VARIABLE, name) and len(value) >= _SHORTEST
    }
    return sorted(found, key=len, reverse=True)
