"""A reward that depends only on the response's length: a control for "it only learnt how much to write"."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import TextReward
from bleuberi.rewards.tokens import tokenize_13a


class LengthRatio(TextReward):
    """min(w / r, r / w) for w response tokens and r reference tokens, best over the references; 0..1.

    Tokens are counted with the 13a tokenizer. A response without tokens scores 0.0; references without tokens are
    ignored; if none is left, the score is None.
    """

    name = "length"

    def signature(self) -> str:
        return "length|tok:13a|ratio:shorter/longer|ref:nearest|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [_ratio(len(tokenize_13a(text)), own) for text, own in zip(responses, references, strict=True)]


def _ratio(length: int, references: Sequence[str]) -> float | None:
    lengths = [count for count in (len(tokenize_13a(text)) for text in references) if count]
    return max((min(length, own) / max(length, own) for own in lengths), default=None)
