"""Explain a BLEU score.

The pure Python core recomputes everything for one response: clarity is more important than speed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bleuberi.rewards.bleu_python import (
    MAX_ORDER,
    Ngram,
    bleu_value,
    brevity_penalty,
    ngrams,
    precisions,
    reference_length,
)
from bleuberi.rewards.tokens import tokenize_13a

MORE_OR_FEWER = 50


@dataclass(frozen=True, slots=True)
class OrderMatch:
    """Counts of the n-grams of one order."""

    order: int
    candidates: int
    matched: int  # clipped by the largest count in one reference
    precision: float  # with smoothing
    share_of_smoothing: float  # the part of the precision that comes from smoothing


@dataclass(frozen=True, slots=True)
class ReferenceMatch:
    """The matches with one reference."""

    text: str
    tokens: int
    matched_by_order: tuple[int, ...]  # clipped by this reference only
    only_here: int  # matched n-grams that only this reference has


@dataclass(frozen=True, slots=True)
class Explanation:
    """The parts of one response's BLEU."""

    score: float | None
    tokens: tuple[str, ...]
    depth: tuple[int, ...]  # per token: length of the longest matched n-gram that contains it, 0..4
    orders: tuple[OrderMatch, ...]
    references: tuple[ReferenceMatch, ...]
    reference_tokens: int  # the length used by the brevity penalty
    brevity_penalty: float
    score_without_smoothing: float
    score_with_fewer: float | None  # without the last 50 tokens
    score_with_more: float  # with 50 more tokens that match nothing


def explain(response: str, references: Sequence[str]) -> Explanation:
    """Explain a BLEU score. References without tokens are ignored, as in scoring."""
    tokens = tokenize_13a(response)
    cut = [(text, own) for text in references if (own := tokenize_13a(text))]
    lengths = [len(own) for _, own in cut]
    counts = [[Counter(ngrams(own, order)) for order in range(1, MAX_ORDER + 1)] for _, own in cut]
    limits = [_largest([one[n] for one in counts]) for n in range(MAX_ORDER)]
    matches = [(Counter(ngrams(tokens, n + 1)) & limits[n]).total() for n in range(MAX_ORDER)]
    length = len(tokens)
    shortest = reference_length(lengths, length, 0) if lengths else 0
    penalty = brevity_penalty(length, shortest) if length and shortest else 0.0
    plain = [matched / max(1, length - n) for n, matched in enumerate(matches)]
    product = plain[0] * plain[1] * plain[2] * plain[3]
    fewer = tokens[: max(0, length - MORE_OR_FEWER)]
    fewer_matches = [(Counter(ngrams(fewer, n + 1)) & limits[n]).total() for n in range(MAX_ORDER)]
    return Explanation(
        score=bleu_value(matches, length, lengths, 0),
        tokens=tuple(tokens),
        depth=tuple(_depths(tokens, limits)),
        orders=tuple(_orders(matches, length)),
        references=tuple(_reference_matches(tokens, cut, counts, limits)),
        reference_tokens=shortest,
        brevity_penalty=penalty,
        score_without_smoothing=product**0.25 * penalty,
        score_with_fewer=bleu_value(fewer_matches, len(fewer), lengths, 0),
        score_with_more=bleu_value(matches, length + MORE_OR_FEWER, lengths, 0) or 0.0,
    )


def matched_depths(tokens: Sequence[str], others: Sequence[Sequence[str]]) -> list[int]:
    """Per token, the length (0 to 4) of the longest n-gram around it that also occurs in another list."""
    counts = [[Counter(ngrams(list(own), order)) for order in range(1, MAX_ORDER + 1)] for own in others]
    return _depths(tokens, [_largest([one[n] for one in counts]) for n in range(MAX_ORDER)])


def _largest(counters: Sequence[Counter[Ngram]]) -> Counter[Ngram]:
    """Per n-gram, its largest count in any one reference."""
    found: Counter[Ngram] = Counter()
    for counter in counters:
        found |= counter
    return found


def _orders(matches: Sequence[int], length: int) -> list[OrderMatch]:
    found = []
    for order, precision in enumerate(precisions(matches, length, 0), start=1):
        candidates = max(0, length - order + 1)
        plain = matches[order - 1] / candidates if candidates else 0.0
        share = max(0.0, 1.0 - plain / precision)
        found.append(OrderMatch(order, candidates, matches[order - 1], precision, share))
    return found


def _depths(tokens: Sequence[str], limits: Sequence[Counter[Ngram]]) -> list[int]:
    """The longest matched n-gram around each token; an n-gram matches up to its limit, left to right."""
    depth = [0] * len(tokens)
    for order in range(1, MAX_ORDER + 1):
        seen: Counter[Ngram] = Counter()
        for start, ngram in enumerate(ngrams(list(tokens), order)):
            seen[ngram] += 1
            if seen[ngram] <= limits[order - 1][ngram]:
                depth[start : start + order] = [order] * order
    return depth


def _reference_matches(
    tokens: list[str],
    cut: Sequence[tuple[str, list[str]]],
    counts: Sequence[Sequence[Counter[Ngram]]],
    limits: Sequence[Counter[Ngram]],
) -> list[ReferenceMatch]:
    found = []
    own = [Counter(ngrams(tokens, order)) for order in range(1, MAX_ORDER + 1)]
    for index, (text, reference) in enumerate(cut):
        others = [_largest([one[n] for at, one in enumerate(counts) if at != index]) for n in range(MAX_ORDER)]
        lost = sum((own[n] & limits[n]).total() - (own[n] & others[n]).total() for n in range(MAX_ORDER))
        matched = tuple((own[n] & counts[index][n]).total() for n in range(MAX_ORDER))
        found.append(ReferenceMatch(text, len(reference), matched, lost))
    return found
