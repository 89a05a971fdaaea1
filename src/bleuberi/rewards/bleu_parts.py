"""The parts of BLEU scores, for whole batches.

`explanation.py` explains one score to a reader; this module computes the few numbers that training monitors, and the
score that a response of the same length would get without any match.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bleuberi.rewards.bleu_python import (
    MAX_ORDER,
    CompiledReferences,
    bleu_value,
    brevity_penalty,
    clipped,
    compile_references,
    ngrams,
    precisions,
    reference_length,
)
from bleuberi.rewards.tokens import tokenize_13a


class BleuParts(NamedTuple):
    """The parts of one response's BLEU."""

    precisions: tuple[float, ...]  # of orders 1..4, with smoothing
    brevity_penalty: float
    floor: float  # the score of a response of this length that matches nothing
    smoothing_share: float  # floor / score; 1 if the score comes from smoothing only


def bleu_parts(
    responses: Sequence[str],  # N
    references: Sequence[Sequence[str]],  # N, each 0..K; equal neighbours are tokenized once
    flags: int = 0,  # of bleu_python
) -> list[BleuParts | None]:  # N; None if there is no score or the response has no token
    """Take each score apart."""
    found: list[BleuParts | None] = []
    before: tuple[str, ...] | None = None
    compiled = CompiledReferences([], [])
    for response, texts in zip(responses, references, strict=True):
        if before is None or tuple(texts) != before:
            before = tuple(texts)
            compiled = compile_references(before)
        found.append(_parts(tokenize_13a(response), compiled, flags))
    return found


def _parts(tokens: list[str], references: CompiledReferences, flags: int) -> BleuParts | None:
    lengths = [length for length in references.lengths if length]
    if not lengths or not tokens:
        return None
    matches = [0] * MAX_ORDER
    for order in range(1, MAX_ORDER + 1):
        limit = references.limits[order - 1]
        matches[order - 1] = clipped(Counter(filter(limit.__contains__, ngrams(tokens, order))), limit)
        if not matches[order - 1]:
            break
    score = bleu_value(matches, len(tokens), lengths, flags) or 0.0
    floor = bleu_value([0] * MAX_ORDER, len(tokens), lengths, flags) or 0.0
    return BleuParts(
        tuple(precisions(matches, len(tokens), flags)),
        brevity_penalty(len(tokens), reference_length(lengths, len(tokens), flags)),
        floor,
        floor / score if score else 0.0,
    )
