"""ROUGE-L in pure Python, its common subsequences by `rapidfuzz`. Knows nothing of rewards or caches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from bleuberi.rewards.tokens import tokenize_rouge


class CompiledReferences(NamedTuple):
    """References of one prompt, cut into tokens."""

    tokens: list[list[bytes]]

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, tokens at their typical size."""
        return sum(48 * len(tokens) for tokens in self.tokens)


def compile_references(texts: Iterable[str]) -> CompiledReferences:
    """Cut the references once."""
    return CompiledReferences([tokenize_rouge(text) for text in texts])


def rouge_compiled(response: str, references: CompiledReferences, _: int = 0) -> float | None:
    """ROUGE-L F1, best over the references. Nothing in common scores 0.0; None without references."""
    if not references.tokens:
        return None
    tokens = tokenize_rouge(response)
    best = 0.0
    for reference in references.tokens:
        common = LCSseq.similarity(reference, tokens) if tokens and reference else 0
        if common:
            precision, recall = common / len(tokens), common / len(reference)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def rouge_once(response: str, references: Iterable[str], _: int = 0) -> float | None:
    """ROUGE-L F1 of one response alone."""
    return rouge_compiled(response, compile_references(references))
