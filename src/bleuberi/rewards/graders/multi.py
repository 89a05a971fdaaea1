"""`multi`: several graders and a formula over their scores."""

from __future__ import annotations

from collections.abc import Mapping

from bleuberi.rewards.graders.formula import Formula
from bleuberi.rewards.graders.templates import Grader, Sample, all_fields


class Multi:
    """The formula's value; no score if a grader that the formula uses gives none."""

    def __init__(self, graders: Mapping[str, Grader], formula: Formula) -> None:
        self.graders = {name: graders[name] for name in formula.names}  # others would be asked for nothing
        self.formula = formula
        self.fields = all_fields(list(self.graders.values()))
        self.needs_prompts = any(one.needs_prompts for one in self.graders.values())
        self.judges = tuple(judge for one in self.graders.values() for judge in one.judges)

    def signature(self) -> str:
        parts = ",".join(f"{name}=[{one.signature()}]" for name, one in self.graders.items())
        return f"multi|{self.formula.text}|{parts}"

    def score(self, samples: list[Sample]) -> list[float | None]:
        scores = {name: one.score(samples) for name, one in self.graders.items()}
        return [
            self.formula.value({name: column[row] for name, column in scores.items()}) for row in range(len(samples))
        ]
