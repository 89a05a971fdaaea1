"""Signs of degenerate texts, computed from tokens: repetition within a text, of the prompt, or between texts."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from bleuberi.rewards.bleu_python import Ngram, ngrams
from bleuberi.rewards.tokens import tokenize_13a

ORDER: Final = 4


def shape_tokens(text: str) -> list[str]:
    """13a tokens in lower case."""
    return tokenize_13a(text.lower())


def repeated_share(tokens: list[str]) -> float:
    """The share of a text's 4-grams that occurred earlier in it; 0 without 4-grams."""
    found = list(ngrams(tokens, ORDER))
    return 1.0 - len(set(found)) / len(found) if found else 0.0


def distinct_share(texts: Sequence[list[str]]) -> float | None:
    """Distinct 4-grams of several texts divided by all their 4-grams; None if no text has four tokens."""
    found = [ngram for tokens in texts for ngram in ngrams(tokens, ORDER)]
    return len(set(found)) / len(found) if found else None


class CopiedShare:
    """Measures the share of a text copied from its prompt, for many texts of one prompt."""

    def __init__(self, prompt: str) -> None:
        self._tokens = shape_tokens(prompt)
        self._known: dict[int, set[Ngram]] = {}

    def __call__(self, tokens: list[str]) -> float:
        """The share of the text's 4-grams that occur in the prompt; a text of under four tokens is one n-gram."""
        order = min(ORDER, len(tokens))
        if not order:
            return 0.0
        if order not in self._known:
            self._known[order] = set(ngrams(self._tokens, order))
        found = list(ngrams(tokens, order))
        return sum(map(self._known[order].__contains__, found)) / len(found)


def text_shapes(prompts: Sequence[str], responses: Sequence[str]) -> list[tuple[float, float]]:  # N, N -> N
    """Each response's repeated and copied share. Put responses of one prompt next to each other for speed."""
    shapes: list[tuple[float, float]] = []
    copied = CopiedShare("")
    for index, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        if not index or prompt != prompts[index - 1]:
            copied = CopiedShare(prompt)
        tokens = shape_tokens(response)
        shapes.append((repeated_share(tokens), copied(tokens)))
    return shapes


def references_copied(prompts: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:  # N, N -> N
    """The mean copied share of each row's references; None without references.
    Consecutive rows with the same prompt and references are computed once."""
    shares: list[float | None] = []
    for index, (prompt, texts) in enumerate(zip(prompts, references, strict=True)):
        if index and prompt == prompts[index - 1] and list(texts) == list(references[index - 1]):
            shares.append(shares[-1])
        else:
            copied = CopiedShare(prompt)
            shares.append(fmean(copied(shape_tokens(text)) for text in texts) if texts else None)
    return shares
