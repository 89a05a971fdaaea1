"""Rewards that compare a response with one reference at a time and keep the best.

A blank response scores 0.0; blank references are ignored; if none is left, the score is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bleuberi.errors import UserError
from bleuberi.rewards.base import Scores, TextReward


class BestReference(TextReward):
    """Base class of rewards over pairs. A subclass defines `score_pairs`."""

    def score_pairs(
        self,
        responses: Sequence[str],  # M
        references: Sequence[str],  # M
    ) -> list[float]:  # M
        """The score of each pair; no text is blank."""
        raise UserError(f"The reward {type(self).__name__} cannot score.", "Define score_pairs() in its class.")

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        pairs = [
            (row, text)
            for row, texts in enumerate(references)
            for text in texts
            if text.strip() and responses[row].strip()
        ]
        found = self.score_pairs([responses[row] for row, _ in pairs], [text for _, text in pairs])
        scores: Scores = [0.0 if any(text.strip() for text in texts) else None for texts in references]
        best: dict[int, float] = {}
        for (row, _), value in zip(pairs, found, strict=True):
            # Pairs with a non-finite score are ignored, as blank references are: NaN makes `max` depend on the order.
            before = best.setdefault(row, value)
            if not math.isfinite(before) or (math.isfinite(value) and value > before):
                best[row] = value
        for row, value in best.items():
            scores[row] = value
        return scores
