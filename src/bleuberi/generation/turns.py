"""Turns for models whose chat template does not accept system turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bleuberi.records import Conversation, Message


def folded(messages: Sequence[Message]) -> list[Message]:
    """Move each system turn's text to the start of the next user turn, separated by a blank line."""
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
    """Conversations whose system turns are moved into the next user turn (`folded`); can be iterated repeatedly."""

    def __init__(self, conversations: Iterable[Conversation]) -> None:
        self._conversations = conversations

    def __iter__(self) -> Iterator[Conversation]:
        return (row._replace(messages=folded(row.messages)) for row in self._conversations)
