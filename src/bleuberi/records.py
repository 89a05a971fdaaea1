"""The words that stages pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict


class Message(TypedDict):
    """One turn of a conversation, as chat templates expect it."""

    role: str
    content: str


class Conversation(NamedTuple):
    """What a model is asked: the turns up to the last assistant turn, system message first where there is one."""

    id: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One instruction of a pool with the answers of the reference models that were asked for.

    `messages` ends before the answer: it is what a model is asked. `reference_by_model` lacks the models
    that gave no answer to this row.
    """

    id: str
    source: str
    messages: list[Message]
    prompt: str
    ground_truth: str | None
    reference_by_model: Mapping[str, str]
    facts: Mapping[str, str] = field(default_factory=dict)  # slot -> value, of the column x_facts


@dataclass(frozen=True, slots=True)
class Example:
    """An instruction with its references in the chosen order: what scoring, selection and training see."""

    id: str
    source: str
    messages: list[Message]
    prompt: str
    ground_truth: str
    references: list[str]  # 1..K

    @property
    def conversation(self) -> Conversation:
        return Conversation(self.id, self.messages)


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows that came in, rows that went on, and why the others did not (design rule: count what you drop)."""

    rows_in: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """E.g. `kept 100 of 443 (31 without claude, 310 not selected)`."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items() if count)
        return f"kept {self.kept:,} of {self.rows_in:,}" + (f" ({reasons})" if reasons else "")
