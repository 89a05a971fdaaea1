"""Read turns of conversations in the forms that files use, and compute the key that joins equal conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from bleuberi.data.cells import is_missing, valid_text
from bleuberi.data.raw_row import RawRow
from bleuberi.errors import UserError
from bleuberi.records import Message

_NAMES_OF_ROLES: Final = {
    "user": ("user", "human", "prompter", "question", "input", "customer", "instruction"),
    "assistant": (
        "assistant", "gpt", "bot", "model", "chatgpt", "ai", "bing", "bard", "claude", "gemini", "llm", "chatbot",
        "answer", "output", "response",
    ),
    "system": ("system", "system_prompt", "developer"),
}  # fmt: skip
_ROLES: Final = {name: role for role, names in _NAMES_OF_ROLES.items() for name in names}
_ROLE_KEYS: Final = ("role", "from")
_TEXT_KEYS: Final = ("content", "value", "text")
_TOOL_KEYS: Final = ("tool_calls", "function_call")
_TOOL_ROLES: Final = (
    "tool", "function", "ipython", "observation", "function_call", "function_response", "tool_call", "tool_response",
)  # fmt: skip
_CUES: Final = re.compile(r"(?:^|\n\n)(Human|Assistant): ?")
"""How Anthropic's hh-rlhf marks turns within one text."""


def is_turn(value: object) -> bool:
    """Whether the value is one message: an object with a role."""
    return isinstance(value, dict) and any(isinstance(value.get(key), str) for key in _ROLE_KEYS)


def has_texts(turns: Sequence[Any]) -> bool:
    """Whether each turn, as a file has it, has a text or a list of parts."""
    return all(isinstance(turn, dict) and any(not is_missing(turn.get(key)) for key in _TEXT_KEYS) for turn in turns)


def parts_text(value: object) -> str | None:
    """The text of a list of parts (`{"type": "text", "text": ...}`); None for anything else."""
    if not isinstance(value, list) or not all(isinstance(part, dict) and "type" in part for part in value):
        return None
    return None if not value or any(map(is_turn, value)) else _parts(value)


def as_turns(value: object) -> list[Any] | None:
    """The value as a list of turns; None if it is anything else.

    A list of messages, one message, the JSON text of a list of messages, a text with `Human:` and `Assistant:` cues.
    """
    if is_turn(value):
        return [value] if has_texts([value]) else None
    if isinstance(value, list):
        return value if value and all(map(_like_turn, value)) and parts_text(value) is None else None
    if isinstance(value, str):
        return _json_turns(value) or _cued_turns(value)
    return None


def alternating(value: object) -> list[Any] | None:
    """The turns of a list of texts, of which the first is the user's (LIMA, Kaggle); None for anything else."""
    if isinstance(value, str) and value.lstrip().startswith('["'):
        value = _parsed(value)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        return None
    return [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(value)]


def read_turns(raw: RawRow, column: str, value: Sequence[Any]) -> list[Message]:
    """Convert turns to messages, with the roles `user`, `assistant` and `system` in place of other usual names.

    Errors: `UserError` for a turn without a role or a text.
    """
    turns = []
    for turn in value:
        role = (
            next((turn[key] for key in _ROLE_KEYS if isinstance(turn.get(key), str)), None)
            if isinstance(turn, dict)
            else None
        )
        text = None
        if role is not None:
            text = _parts(next((turn[key] for key in _TEXT_KEYS if not is_missing(turn.get(key))), ""))
        if role is None or text is None:
            raise UserError(
                f"{raw.place}: `{column}` has a turn without a role and a text: {turn!r:.80}",
                "Write turns as {role, content} or {from, value}; images and audio are ignored.",
            )
        turns.append(Message(role=valid_text(raw, column, role_named(role)), content=valid_text(raw, column, text)))
    return turns


def ends_with_response(turns: Sequence[Any]) -> bool:
    """Whether the last of the turns, as a file has them, is the assistant's."""
    last = turns[-1] if turns and isinstance(turns[-1], dict) else {}
    return any(role_named(last[key]) == "assistant" for key in _ROLE_KEYS if isinstance(last.get(key), str))


def role_named(name: str) -> str:
    """The role for one of its usual names, in any case; other names are returned unchanged."""
    return _ROLES.get(name.strip().lower(), name)


def has_tool_calls(value: Sequence[Any]) -> bool:
    """Whether a turn calls a tool or is a tool's reply, which plain text cannot represent."""
    turns = [turn for turn in value if isinstance(turn, dict)]
    roles = (turn[key].strip().lower() for turn in turns for key in _ROLE_KEYS if isinstance(turn.get(key), str))
    return any(turn.get(key) for turn in turns for key in _TOOL_KEYS) or any(role in _TOOL_ROLES for role in roles)


def conversation_key(turns: Sequence[Message]) -> str:
    """The key that joins rows with the same prompt: the stripped text of a single user turn, else all turns."""
    if len(turns) == 1 and turns[0]["role"] == "user":
        return turns[0]["content"].strip()
    return json.dumps([[turn["role"], turn["content"].strip()] for turn in turns])  # noqa: TID251 - a key, not written


def last_user_text(turns: Sequence[Message]) -> str | None:
    """The text of the last user turn, or None."""
    return next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), None)


def _like_turn(value: object) -> bool:
    return isinstance(value, dict) and any(key in value for key in (*_ROLE_KEYS, *_TEXT_KEYS))


def _parts(content: object) -> str | None:
    """The text of a turn, which some services write as a list of parts; None if a part is no text."""
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        whole = [text for text in texts if isinstance(text, str)]
        return "\n".join(whole) if len(whole) == len(texts) else None
    return content if isinstance(content, str) else None


def _json_turns(text: str) -> list[Any] | None:
    """The turns that a text is the JSON of, as tables of texts alone (CSV, SQL) have them."""
    if not text.lstrip().startswith(("[{", '{"')):
        return None
    found = _parsed(text)
    if is_turn(found):
        return [found]
    return found if isinstance(found, list) and found and all(map(is_turn, found)) else None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _cued_turns(text: str) -> list[Any] | None:
    if not text.lstrip().startswith("Human:") or "\n\nAssistant:" not in text:
        return None
    parts = _CUES.split(text.strip())  # what is before the first cue, then cue and text in turn
    turns = [
        {"role": "user" if cue == "Human" else "assistant", "content": said.strip()}
        for cue, said in zip(parts[1::2], parts[2::2], strict=True)
    ]
    # A prompt may end with the cue at which a model is to begin.
    return turns[:-1] if turns[-1]["role"] == "assistant" and not turns[-1]["content"] else turns
