"""METEOR as a reward: recall-heavy matching of words and of their stems, with a penalty for scattered matches.

Exact matches, then matches of Porter stems, no synonyms; fmean = PR / (0.9 P + 0.1 R), cut by up to half if the matches
are scattered in chunks: times 1 - 0.5 (chunks / matches)^3. Source: Lavie and Agarwal 2007; equal to
`nltk.translate.meteor_score` with an empty WordNet, on 13a tokens of the text in lower case. An identical text of n
tokens scores 1 - 0.5 / n^3. With `tokens="auto"`, each character of a script without spaces is a token. A response
without matches scores 0.0; references without tokens are ignored; if none is left, the score is None.
"""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.references import METEOR
from bleuberi.rewards.scoring import score
from bleuberi.rewards.scripts import check_tokens, needs_all_scripts, spaced
from bleuberi.rewards.several import reference_flags


class Meteor(TextReward):
    """METEOR, the best over the references or their mean (`references="mean"`)."""

    name = "meteor"

    def __init__(self, *, tokens: str = "13a", references: str = "best") -> None:
        check_tokens(tokens, "13a")
        self.flags = reference_flags(references)
        self.tokens, self.references = tokens, references
        self.name = self.variant(references, tokens)

    def signature(self) -> str:
        return f"meteor|tok:{self.tokens}-lower|match:exact+porter|alpha:0.9|beta:3|gamma:0.5|ref:{self.references}|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return score(METEOR, responses, references, self.flags, self.change)

    def change(self, text: str) -> str:
        """Prepare the text for 13a tokenization."""
        return spaced(text.lower()) if self.tokens == "auto" else text.lower()

    def blind_to(self, text: str) -> bool:
        return self.tokens == "13a" and needs_all_scripts(text, latin=False)
