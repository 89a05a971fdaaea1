"""BLEU as a reward, exactly as the method's reference path computes it.

p_n = (m_n + 1) / (c_n + 1) for n = 1..4, m_n clipped by the maximum count over the references; geometric mean;
brevity penalty against the SHORTEST reference; 13a tokens, case-sensitive. Source: Papineni et al. 2002 with add-one
smoothing on every order; equal to `evaluate`'s `bleu` with `smooth=True`. A response without tokens
scores 0.0; references without tokens are ignored; if none is left, the score is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bleuberi.rewards.base import TextReward
from bleuberi.rewards.bleu_parts import BleuParts, bleu_parts
from bleuberi.rewards.bleu_python import CLOSEST_LENGTH, PLAIN_UNIGRAMS
from bleuberi.rewards.references import BLEU
from bleuberi.rewards.scoring import score
from bleuberi.rewards.scripts import check_tokens, needs_all_scripts, spaced
from bleuberi.rewards.tokens import tokenize_13a

SHORT_TOKENS = 5
"""Exact BLEU misjudges references with fewer tokens: a wrong one-word response scores 0.841."""


class Bleu(TextReward):
    """Smoothed sentence BLEU against all references of a prompt. The default is the method's reward; the settings
    fix its known weaknesses, and each is part of the signature."""

    name = "bleu"

    def __init__(
        self,
        *,
        smooth_unigrams: bool = True,
        closest_length: bool = False,
        token_f1_when_short: bool = False,
        tokens: str = "13a",
    ) -> None:
        check_tokens(tokens, "13a")
        self.tokens = tokens
        self.name = self.variant(tokens)
        self.flags = (0 if smooth_unigrams else PLAIN_UNIGRAMS) | (CLOSEST_LENGTH if closest_length else 0)
        self.token_f1_when_short = token_f1_when_short

    def signature(self) -> str:
        smoothing = "add1-from-2" if self.flags & PLAIN_UNIGRAMS else "add1-all"
        length = "closest" if self.flags & CLOSEST_LENGTH else "shortest"
        short = f"|under-{SHORT_TOKENS}:token-f1" if self.token_f1_when_short else ""
        return f"bleu|tok:{self.tokens}|order:4|smooth:{smoothing}|ref:{length}{short}|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        if self.tokens == "auto":
            responses, references = self._spaced(responses, references)
        scores = score(BLEU, responses, references, self.flags)
        if self.token_f1_when_short:
            for row, texts in enumerate(references):
                if scores[row] is not None and all(len(tokenize_13a(text)) < SHORT_TOKENS for text in texts):
                    scores[row] = max(token_f1(responses[row], text) for text in texts)
        return scores

    def parts(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[BleuParts | None]:
        """The parts of each score; None if there is no score or it is not a BLEU score."""
        if self.tokens == "auto":
            responses, references = self._spaced(responses, references)
        parts = bleu_parts(responses, references, self.flags)
        if self.token_f1_when_short:
            for row, texts in enumerate(references):
                if all(len(tokenize_13a(text)) < SHORT_TOKENS for text in texts):
                    parts[row] = None
        return parts

    def blind_to(self, text: str) -> bool:
        return self.tokens == "13a" and needs_all_scripts(text, latin=False)

    @staticmethod
    def _spaced(
        responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> tuple[list[str], list[tuple[str, ...]]]:
        return list(map(spaced, responses)), [tuple(map(spaced, texts)) for texts in references]


class BleuPlainUnigrams(Bleu):
    """BLEU without smoothing of unigrams: a response without a matching word scores 0.0."""

    name = "bleu_plain_unigrams"

    def __init__(self, *, tokens: str = "13a") -> None:
        super().__init__(smooth_unigrams=False, tokens=tokens)


class BleuClosest(Bleu):
    """BLEU whose brevity penalty uses the reference closest in length instead of the shortest."""

    name = "bleu_closest"

    def __init__(self, *, tokens: str = "13a") -> None:
        super().__init__(closest_length=True, tokens=tokens)


class BleuShortF1(Bleu):
    """BLEU, but token F1 for rows whose references all have fewer than 5 tokens."""

    name = "bleu_short_f1"

    def __init__(self, *, tokens: str = "13a") -> None:
        super().__init__(token_f1_when_short=True, tokens=tokens)


def token_f1(response: str, reference: str) -> float:
    """Harmonic mean of precision and recall of 13a tokens, each counted as often as it occurs; 0.0 without tokens."""
    given, wanted = Counter(tokenize_13a(response)), Counter(tokenize_13a(reference))
    common = (given & wanted).total()
    return 2 * common / (given.total() + wanted.total()) if common else 0.0
