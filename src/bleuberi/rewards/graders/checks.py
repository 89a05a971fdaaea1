"""`string_check`: 1.0 or 0.0 by comparing two texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from bleuberi.rewards.chat_server import ChatModel
from bleuberi.rewards.graders.templates import Sample, Template, all_fields, templates_hash

OPERATIONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "eq": lambda text, reference: text == reference,
    "ne": lambda text, reference: text != reference,
    "neq": lambda text, reference: text != reference,
    "like": lambda text, reference: reference in text,
    "ilike": lambda text, reference: reference.casefold() in text.casefold(),
}
"""`like`: the input contains the reference; `ilike`: without regard to case. All others regard it."""


class StringCheck:
    """1.0 if the operation holds, else 0.0; 0.0 also if the response is not the JSON that a template needs."""

    judges: tuple[ChatModel, ...] = ()

    def __init__(self, operation: str, text: Template, reference: Template) -> None:
        self.operation, self.text, self.reference = operation, text, reference
        self.fields = all_fields([text, reference])
        self.needs_prompts = text.needs_prompts or reference.needs_prompts

    def signature(self) -> str:
        return f"string_check|{self.operation}|templates:{templates_hash(self.text, self.reference)}"

    def score(self, samples: list[Sample]) -> list[float | None]:
        scores: list[float | None] = []
        for sample in samples:
            text, reference = self.text.fill(sample), self.reference.fill(sample)
            holds = text is not None and reference is not None and OPERATIONS[self.operation](text, reference)
            scores.append(float(holds))
        return scores
