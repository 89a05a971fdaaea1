"""ROUGE as a reward, as `rouge_score` computes it.

F1 over the tokens in lower case: of the longest common subsequence (ROUGE-L), of unigrams (ROUGE-1), of bigrams
(ROUGE-2), or of the union of the longest common subsequences line by line (ROUGE-Lsum). Best or mean over the
references. Source: Lin 2004; the numbers of `rouge_score` (`evaluate`'s `rouge`), with Porter stems on request.

`tokens="ascii"` reads a to z and 0 to 9 only, as `rouge_score` does, so Russian or Chinese texts have no tokens.
`tokens="auto"` reads the words of every script (scripts.py). Texts without a match score 0.0. References without
tokens are ignored. If none is left, the score is None, except for plain `rouge`, which scores 0.0 like the method's
reference path.
"""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.references import ROUGE, ROUGE_OPTIONS
from bleuberi.rewards.rouge_python import ALL_SCRIPTS, BIGRAMS, KIND, STEMS, SUBSEQUENCE, SUMMARY, UNIGRAMS
from bleuberi.rewards.scoring import score
from bleuberi.rewards.scripts import check_tokens, needs_all_scripts, words
from bleuberi.rewards.several import reference_flags


class RougeL(TextReward):
    """ROUGE-L F1."""

    name = "rouge"
    kind, type = SUBSEQUENCE, "rougeL"

    def __init__(self, *, tokens: str = "ascii", stem: bool = False, references: str = "best") -> None:
        check_tokens(tokens, "ascii")
        self.tokens, self.references = tokens, references
        options = (STEMS if stem else 0) | (ALL_SCRIPTS if tokens == "auto" else 0) | reference_flags(references)
        self.flags = options | self.kind * KIND
        self.name = self.variant("stem" if stem else "", references, tokens)

    def signature(self) -> str:
        stem = "porter" if self.flags & STEMS else "no"
        tokens = "" if self.tokens == "ascii" else f"|tok:{self.tokens}"
        return f"rouge|type:{self.type}-f1{tokens}|stem:{stem}|ref:{self.references}|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        metric = ROUGE_OPTIONS if self.flags else ROUGE
        return score(metric, responses, references, self.flags, words if self.tokens == "auto" else None)

    def blind_to(self, text: str) -> bool:
        return self.tokens == "ascii" and needs_all_scripts(text, latin=True)


class Rouge1(RougeL):
    """ROUGE-1 F1: unigrams, counted with repetition."""

    name = "rouge1"
    kind, type = UNIGRAMS, "rouge1"


class Rouge2(RougeL):
    """ROUGE-2 F1: pairs of neighbouring words."""

    name = "rouge2"
    kind, type = BIGRAMS, "rouge2"


class RougeLsum(RougeL):
    """ROUGE-Lsum F1: ROUGE-L line by line, for summaries."""

    name = "rougeLsum"
    kind, type = SUMMARY, "rougeLsum"
