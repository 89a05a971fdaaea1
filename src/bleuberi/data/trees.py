"""Trees of messages, as OpenAssistant publishes them: each message has its replies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bleuberi.data.cells import id_text, is_filled
from bleuberi.data.known_columns import as_verdict
from bleuberi.data.raw_row import RawRow
from bleuberi.data.turns import read_turns, role_named
from bleuberi.errors import UserError
from bleuberi.records import Message

_DEEPEST: Final = 200
_NUMBER: Final = re.compile(r"\d{1,9}(\.0)?", re.ASCII)
FLAT: Final = ("message_id", "parent_id", "role", "text")
"""The columns of messages that name each other: OpenAssistant's other form, and its data sets on the hub."""
_KEPT: Final = ("role", "text", "rank", "deleted")
ORPHANS: Final = "messages whose earlier ones are not in the file"


def is_tree(values: Mapping[str, Any]) -> bool:
    """Whether a row is a tree: its `prompt` is a message with `replies`."""
    root = values.get("prompt")
    return isinstance(root, dict) and isinstance(root.get("text"), str) and isinstance(root.get("replies"), list)


def threads(raw: RawRow) -> Iterator[tuple[list[Message], list[str]]]:
    """Yield each path from the root to a user's message, with the replies to it, the best ranked first; there may be
    none.

    A deleted message gives no turns and ends its path. Errors: `UserError` for a message without a text, or with a rank
    or a mark of deletion that cannot be read.
    """
    waiting: list[tuple[list[Message], Any]] = [([], raw.values["prompt"])]
    while waiting:
        before, message = waiting.pop()
        if _is_deleted(raw, message):
            yield [], []
            continue
        if len(before) >= _DEEPEST:
            raise UserError(f"{raw.place}: the tree is deeper than {_DEEPEST} messages.", "Remove that tree.")
        turns = [*before, *read_turns(raw, "prompt", [message])]
        replies = [reply for reply in message.get("replies") or [] if isinstance(reply, dict)]
        replies.sort(key=lambda reply: _rank(raw, reply))
        if turns[-1]["role"] == "user":
            said = [
                str(reply["text"])
                for reply in replies
                if not _is_deleted(raw, reply)
                and role_named(str(reply.get("role"))) == "assistant"
                and reply.get("text")
            ]
            yield turns, said
        waiting += [(turns, reply) for reply in reversed(replies)]


def grown_trees(rows: Iterable[RawRow]) -> Iterator[RawRow | None]:
    """Build trees from single messages, in the order of their roots; then yield None for each message that belongs to
    no tree.

    Errors: `UserError` for a message without an id, or two with the same id. All messages are kept in memory.
    """
    messages: dict[str, tuple[RawRow, dict[str, Any]]] = {}
    for raw in rows:
        name = id_text(raw.values.get("message_id"))
        if name is None or name in messages:
            what = "has no `message_id`" if name is None else f"has the `message_id` of {messages[name][0].place}"
            raise UserError(f"{raw.place} {what}.", "Give every message an id, as `parent_id` names them.")
        messages[name] = raw, {**{key: raw.values.get(key) for key in _KEPT}, "replies": []}
    reached = 0
    for raw, message in messages.values():
        parent = id_text(raw.values.get("parent_id"))
        if parent in messages:
            messages[parent][1]["replies"].append(message)
    for raw, message in messages.values():
        if id_text(raw.values.get("parent_id")) is None:
            reached += _size(message)
            yield RawRow(raw.place, {"prompt": message})
    yield from (None for _ in range(len(messages) - reached))


def _is_deleted(raw: RawRow, message: Mapping[str, Any]) -> bool:
    value = message.get("deleted")
    if is_filled(value) and as_verdict(value) is None:
        raise UserError(
            f"{raw.place}: a message of the conversation tree has `deleted`: {value!r:.60}.", "Write true or false."
        )
    return as_verdict(value) is True


def _rank(raw: RawRow, message: Mapping[str, Any]) -> int:
    value = message.get("rank")
    if not is_filled(value):
        return _DEEPEST
    found = id_text(value)  # a number, or the text that CSV makes of one
    if found is None or not _NUMBER.fullmatch(found):
        raise UserError(
            f"{raw.place}: a message of the conversation tree has the rank {value!r:.60}.",
            "Write a whole number, 0 for the best.",
        )
    return int(found.removesuffix(".0"))


def _size(message: Mapping[str, Any]) -> int:
    waiting, size = [message], 0
    while waiting:
        size += 1
        waiting += waiting.pop()["replies"]
    return size
