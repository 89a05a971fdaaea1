"""BLEU in pure Python.

Performs the same operations in the same order as `_native.cpp`, so both back ends give identical bits.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bleuberi.rewards.tokens import tokenize_13a

MAX_ORDER = 4
PLAIN_UNIGRAMS = 1  # flags, numbered as in native/bleu.h
CLOSEST_LENGTH = 2
PART_SHIFT = 2  # flags >> 2: 0 for the whole score, 1 to 4 for the precision of that order, or one of
PENALTY, WITHOUT_PENALTY = 5, 6

Ngram = str | tuple[str, ...]


class CompiledReferences(NamedTuple):
    """References of one prompt, ready for many responses."""

    limits: list[dict[Ngram, int]]  # for each order: n-gram -> its largest count in one reference
    lengths: list[int]  # in tokens

    @property
    def nbytes(self) -> int:
        """Memory use in bytes, assuming a typical size per n-gram."""
        return sum(sys.getsizeof(limit) + 90 * len(limit) for limit in self.limits)


def ngrams(tokens: list[str], order: int) -> Iterable[Ngram]:
    """The n-grams of one order, left to right; unigrams are bare tokens."""
    return tokens if order == 1 else zip(*(tokens[start:] for start in range(order)), strict=False)


def compile_references(texts: Iterable[str]) -> CompiledReferences:
    """Tokenize the references and count their n-grams."""
    limits: list[dict[Ngram, int]] = [{} for _ in range(MAX_ORDER)]
    lengths = []
    for tokens in map(tokenize_13a, texts):
        lengths.append(len(tokens))
        for order in range(1, MAX_ORDER + 1):
            known, counts = limits[order - 1], Counter(ngrams(tokens, order))
            larger = {ngram: known[ngram] for ngram in known.keys() & counts.keys() if known[ngram] > counts[ngram]}
            known.update(counts)
            known.update(larger)
    return CompiledReferences(limits, lengths)


def bleu_compiled(response: str, references: CompiledReferences, flags: int = 0) -> float | None:
    """BLEU of a response against compiled references."""
    tokens = tokenize_13a(response)
    matches = [0] * MAX_ORDER
    for order in range(1, MAX_ORDER + 1):
        limit = references.limits[order - 1]
        found = Counter(filter(limit.__contains__, ngrams(tokens, order)))
        matches[order - 1] = clipped(found, limit)
        if not found:
            break
    return bleu_value(matches, len(tokens), references.lengths, flags)


def bleu_once(response: str, references: Iterable[str], flags: int = 0) -> float | None:
    """BLEU of a single response: only the response is indexed, and the references are looked up in it."""
    tokens = tokenize_13a(response)
    own = [Counter(ngrams(tokens, order)) for order in range(1, MAX_ORDER + 1)]
    best: list[dict[Ngram, int]] = [{} for _ in range(MAX_ORDER)]
    lengths = []
    for reference in map(tokenize_13a, references):
        lengths.append(len(reference))
        for order in range(1, MAX_ORDER + 1):
            found = Counter(filter(own[order - 1].__contains__, ngrams(reference, order)))
            if not found:
                break
            largest = best[order - 1]
            for ngram, count in found.items():
                if count > largest.get(ngram, 0):
                    largest[ngram] = count
    return bleu_value([clipped(best[n], own[n]) for n in range(MAX_ORDER)], len(tokens), lengths, flags)


def clipped(counts: Mapping[Ngram, int], limit: Mapping[Ngram, int]) -> int:
    """The number of matching n-grams, each counted at most `limit` times."""
    return sum(min(count, limit[ngram]) for ngram, count in counts.items())


def bleu_value(matches: Sequence[int], length: int, reference_lengths: Iterable[int], flags: int) -> float | None:
    """BLEU, or the part of it that the flags ask for, from its counts; None if no reference has tokens, 0.0 if the
    response has none."""
    lengths = [candidate for candidate in reference_lengths if candidate]
    if not lengths:
        return None
    if not length:
        return 0.0
    part = flags >> PART_SHIFT
    penalty = brevity_penalty(length, reference_length(lengths, length, flags))
    if part == PENALTY:
        return penalty
    if flags & PLAIN_UNIGRAMS and not matches[0]:
        return 0.0
    log_precision = 0.0
    for order, precision in enumerate(precisions(matches, length, flags), start=1):
        if order == part:
            return precision
        log_precision += math.log(precision) / MAX_ORDER
    return math.exp(log_precision) * (1.0 if part == WITHOUT_PENALTY else penalty)


def precisions(matches: Sequence[int], length: int, flags: int) -> list[float]:
    """The precision of each order, smoothed by adding one to both counts."""
    found = []
    for order in range(1, MAX_ORDER + 1):
        candidates = max(0, length - order + 1)
        added = 0.0 if order == 1 and flags & PLAIN_UNIGRAMS else 1.0
        found.append((matches[order - 1] + added) / (candidates + added))
    return found


def reference_length(lengths: Sequence[int], length: int, flags: int) -> int:
    """The reference length for the brevity penalty: the shortest, or the closest (ties: the shorter)."""
    if flags & CLOSEST_LENGTH:
        return min(lengths, key=lambda candidate: (abs(candidate - length), candidate))
    return min(lengths)


def brevity_penalty(length: int, reference: int) -> float:
    """1 for a response longer than the reference, else exp(1 - r / len)."""
    ratio = length / reference
    return 1.0 if ratio > 1.0 else math.exp(1.0 - 1.0 / ratio)
