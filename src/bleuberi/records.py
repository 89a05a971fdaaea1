"""Types shared by the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict


class Message(TypedDict):
    """One turn of a conversation, as chat templates expect it."""

    role: str
    content: str


class Conversation(NamedTuple):
    """The input to a model: the turns before the last assistant turn, with the system message first, if any."""

    id: str
    messages: list[Message]


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One instruction of a pool with the requested models' references.

    `messages` ends before the answer: it is the input to a model. Models without an answer to this row are missing
    from `reference_by_model`.
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
    """An instruction with its references in the chosen order, for scoring, selection and training."""

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
    """Counts of input rows, kept rows and dropped rows by reason."""

    rows_in: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)

    def sentence(self) -> str:
        """E.g. `kept 100 of 443 (31 without claude, 310 not selected)`."""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.dropped.items() if count)
        return f"kept {self.kept:,} of {self.rows_in:,}" + (f" ({reasons})" if reasons else "")
