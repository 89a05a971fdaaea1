"""Turns for models whose chat template takes no system turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bleuberi.records import Conversation, Message


def folded(messages: Sequence[Message]) -> list[Message]:
    """The turns with each system turn's text put before the next user turn's, with a blank line between."""
    turns: list[Message] = []
    waiting: list[str] = []
    for turn in messages:
        if turn["role"] in ("system", "developer"):
            waiting.append(turn["content"])
            continue
        if waiting and turn["role"] == "user":
            turn = Message(role="user", content="\n\n".join([*waiting, turn["content"]]))
            waiting = []
        turns.append(turn)
    if waiting:  # no user turn follows
        turns.append(Message(role="user", content="\n\n".join(waiting)))
    return turns


class Folded(Iterable[Conversation]):
    """Conversations with `folded` turns, as often as they are walked."""

    def __init__(self, conversations: Iterable[Conversation]) -> None:
        self._conversations = conversations

    def __iter__(self) -> Iterator[Conversation]:
        return (row._replace(messages=folded(row.messages)) for row in self._conversations)
