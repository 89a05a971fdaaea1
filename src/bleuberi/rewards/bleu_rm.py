"""The mean of BLEU and a reward model, each standardised first.

Scores on different scales cannot be averaged directly: BLEU is in 0..1, a reward model's output is unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bleuberi.errors import UserError
from bleuberi.rewards.base import Completion, Scores, TextReward, checked_scores
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.reward_model import RewardModel

LARGEST_SQUARED = 1e100
"""Larger scores are scaled down first, because their squares would overflow a float."""


class BleuRm(TextReward):
    """Mean of BLEU and a reward model, each standardised over the pool: one call must score the whole pool.

    In training the pool is the prompt group, which may be spread over several processes. So pass the `parts` to the
    trainer as two rewards and let it combine them (in TRL: `multi_objective_aggregation="normalize_then_sum"`).
    """

    name = "bleu_rm"
    needs_prompts = True
    over_whole_pool = True

    def __init__(self, reward_model: TextReward | None = None) -> None:
        self.parts: tuple[Bleu, TextReward] = (Bleu(), reward_model or RewardModel())

    def signature(self) -> str:
        first, second = (part.signature() for part in self.parts)
        return f"bleu_rm|mean:of-standardised|over:pool|of:[{first}]+[{second}]|v:1"

    def blind_to(self, text: str) -> bool:
        return self.parts[0].blind_to(text)

    def __call__(
        self,
        prompts: Sequence[Completion] | None = None,
        responses: Sequence[str | None] | None = None,
        references: Sequence[Sequence[str]] | None = None,
        *,
        completions: Sequence[Completion] | None = None,
        **_: object,
    ) -> Scores:
        if completions is not None:
            raise UserError(
                "The reward bleu_rm is standardised over a pool and cannot score a training batch.",
                'Train with reward_funcs=list(BleuRm().parts) and multi_objective_aggregation="normalize_then_sum".',
            )
        given = [row for row, text in enumerate(responses or ()) if text is not None]
        if responses is None or prompts is None or references is None or len(given) == len(responses):
            return super().__call__(prompts, responses, references)
        # Missing responses are excluded: they would shift the mean and the deviation.
        scores = super().__call__(
            [prompts[row] for row in given], [responses[row] for row in given], [references[row] for row in given]
        )
        found = dict(zip(given, scores, strict=True))
        return [found.get(row) for row in range(len(responses))]

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        bleu, model = self.parts
        # Checked before the mean: one infinite score would make every row infinite or NaN.
        judged = checked_scores(model.name, model.score_rows(prompts, responses, references), len(responses))
        return standardised_mean(bleu.score_batch(responses, references), judged)


def standardised(values: Scores) -> Scores:
    """(value - mean) / standard deviation (of the population; 0.0 if all values are equal). None stays None."""
    given = [value for value in values if value is not None]
    if not given:
        return values
    largest = max(map(abs, given))
    if largest > LARGEST_SQUARED:  # the result does not depend on the scale
        return standardised([None if value is None else value / largest for value in values])
    mean = math.fsum(given) / len(given)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in given) / len(given))
    # Rounding errors may give equal values a tiny deviation, which must not be scaled up to 1.
    if deviation <= 1e-12 * largest:
        return [None if value is None else 0.0 for value in values]
    return [None if value is None else (value - mean) / deviation for value in values]


def standardised_mean(first: Scores, second: Scores) -> Scores:
    """The mean of two standardised scores per row; None if either is missing."""
    both = [a is not None and b is not None for a, b in zip(first, second, strict=True)]
    first, second = (
        standardised([value if keep else None for value, keep in zip(scores, both, strict=True)])
        for scores in (first, second)
    )
    return [None if a is None or b is None else (a + b) / 2 for a, b in zip(first, second, strict=True)]
