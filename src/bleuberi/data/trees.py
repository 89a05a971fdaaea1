"""Trees of messages, as OpenAssistant publishes them: each message has its replies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bleuberi.data.raw_row import RawRow
from bleuberi.data.turns import read_turns, role_named
from bleuberi.errors import UserError
from bleuberi.records import Message

_DEEPEST: Final = 200


def is_tree(values: Mapping[str, Any]) -> bool:
    """Whether a row is a tree: its `prompt` is a message with `replies`."""
    root = values.get("prompt")
    return isinstance(root, dict) and isinstance(root.get("text"), str) and isinstance(root.get("replies"), list)


def threads(raw: RawRow) -> Iterator[tuple[list[Message], list[str]]]:
    """Each way from the root to a user's message, and the replies to it, the best ranked first.

    Deleted messages are left out with what follows them. Errors: `UserError` for a message without a text.
    """
    waiting: list[tuple[list[Message], Any]] = [([], raw.values["prompt"])]
    while waiting:
        before, message = waiting.pop()
        if message.get("deleted"):
            continue
        if len(before) >= _DEEPEST:
            raise UserError(f"{raw.place}: the tree is deeper than {_DEEPEST} messages.", "Leave out that tree.")
        turns = [*before, *read_turns(raw, "prompt", [message])]
        replies = [reply for reply in message.get("replies") or [] if isinstance(reply, dict)]
        replies.sort(key=lambda reply: reply["rank"] if isinstance(reply.get("rank"), int) else _DEEPEST)
        if turns[-1]["role"] == "user":
            said = [
                str(reply["text"]) for reply in replies
                if role_named(str(reply.get("role"))) == "assistant" and reply.get("text") and not reply.get("deleted")
            ]  # fmt: skip
            if said:
                yield turns, said
        waiting += [(turns, reply) for reply in reversed(replies)]
