"""chrF and chrF++ as rewards: overlap of characters, for every script.

F2 of the mean precision and the mean recall over n-grams of 1 to 6 characters without white space, case-sensitive;
chrF++ adds n-grams of 1 and 2 words. Best or mean over the references. Source: Popovic 2015 and 2017; equal to
`sacrebleu`'s sentence chrF with default settings, divided by 100. A blank response scores 0.0; blank references are
ignored; if none is left, the score is None.
"""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.chrf_python import WORD_ORDERS, WORDS_TOO
from bleuberi.rewards.references import CHRF
from bleuberi.rewards.scoring import score
from bleuberi.rewards.several import reference_flags


class Chrf(TextReward):
    """chrF."""

    name = "chrf"
    words_too = False

    def __init__(self, *, references: str = "best") -> None:
        self.references = references
        self.flags = reference_flags(references) | (WORDS_TOO if self.words_too else 0)
        self.name = self.variant(references)

    def signature(self) -> str:
        words = WORD_ORDERS if self.words_too else 0
        return f"chrf|chars:6|words:{words}|beta:2|space:no|case:mixed|ref:{self.references}|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return score(CHRF, responses, references, self.flags)


class ChrfPlusPlus(Chrf):
    """chrF++."""

    name = "chrfpp"  # "+" separates the parts of a mix
    words_too = True
