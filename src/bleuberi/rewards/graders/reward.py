"""A grader as a reward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from bleuberi.columns import safe_name
from bleuberi.errors import UserError
from bleuberi.rewards.base import Completion, Scores, TextReward
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.chat_server import scores_file
from bleuberi.rewards.graders.checks import StringCheck
from bleuberi.rewards.graders.read import read_grader
from bleuberi.rewards.graders.templates import Sample


class GraderReward(TextReward):
    """`grader:FILE.json`. A grader with one field of the item is asked once per reference, and the best counts (for
    `string_check` with `ne`, the worst); without one of these scores the row has none. A grader with several fields
    takes a row's references as their values, in the order in which the grader reads them; a row with another number of
    references has no score. Scores in which a judge had a part are cached in the user's cache folder."""

    def __init__(self, path: Path | str) -> None:
        """Errors: `UserError` for a file that is not a grader."""
        name, self.grader = read_grader(Path(path))
        self.name = f"grader_{safe_name(name)}"
        self.fields = self.grader.fields
        self.needs_references = bool(self.fields)
        self.needs_prompts = self.grader.needs_prompts

    def signature(self) -> str:
        fields = ",".join(self.fields) or "none"
        return f"grader|{self.grader.signature()}|item:{fields}|v:1"

    def __call__(
        self,
        prompts: Sequence[Completion] | None = None,
        responses: Sequence[str | None] | None = None,
        references: Sequence[Sequence[str]] | None = None,
        *,
        completions: Sequence[Completion] | None = None,
        **columns: object,
    ) -> Scores:
        """Score like any reward. If the data have a column for each field of the item, these replace `references`."""
        own = [columns[name] for name in self.fields if isinstance(columns.get(name), list)]
        if own and len(own) == len(self.fields):
            rows = zip(*own, strict=True)
            references = [[value if isinstance(value, str) else str(value) for value in row] for row in rows]
        return super().__call__(prompts, responses, references, completions=completions)

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        own = _Uncached(self)
        reward = CachedReward(own, scores_file(self.grader.judges)) if self.grader.judges else own
        return reward.score_rows(prompts, responses, references)

    def score_uncached(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        """The same as `score_rows`, but judges are asked about every row."""
        samples: list[Sample] = []
        counts = []
        for row, response in enumerate(responses):
            items = self._items(references[row])
            counts.append(len(items))
            samples += [Sample(prompts[row] if prompts else "", response, item) for item in items]
        if counts and not samples:
            raise UserError(
                f"The reward {self.name} has the fields {', '.join(self.fields)}, and no row has that many references.",
                "Import the data with --grader FILE, or choose the references with --ref_models, in that order.",
            )
        scores = iter(self.grader.score(samples))
        pick = min if isinstance(self.grader, StringCheck) and self.grader.operation in ("ne", "neq") else max
        found: Scores = []
        for count in counts:
            given = [next(scores) for _ in range(count)]
            if any(score is None for score in given):
                found.append(None)
            elif any(math.isnan(score) for score in given if score is not None):
                found.append(math.nan)  # the best of the others could be less than that of all
            else:
                found.append(pick((score for score in given if score is not None), default=None))
        return found

    def _items(self, references: Sequence[str]) -> list[dict[str, str]]:
        """The items for which the grader scores one response: one per reference, or one with all fields."""
        if not self.fields:
            return [{}]
        if len(self.fields) == 1:
            return [{self.fields[0]: text} for text in references if text.strip()]
        return [dict(zip(self.fields, references, strict=True))] if len(references) == len(self.fields) else []


class _Uncached(TextReward):
    """A grader's reward without its cache."""

    def __init__(self, reward: GraderReward) -> None:
        self.reward, self.name = reward, reward.name
        self.needs_references, self.needs_prompts = reward.needs_references, reward.needs_prompts

    def signature(self) -> str:
        return self.reward.signature()

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        return self.reward.score_uncached(prompts, responses, references)
