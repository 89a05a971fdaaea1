"""ROUGE in pure Python; the longest common subsequences of ROUGE-L by `rapidfuzz`.

Performs the same operations in the same order as `native/rouge.h`, so both back ends give identical bits.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rapidfuzz.distance import LCSseq

from bleuberi.rewards.porter import stem
from bleuberi.rewards.several import of_references
from bleuberi.rewards.tokens import tokenize_rouge

STEMS, ALL_SCRIPTS, KIND = 1, 2, 4  # flags, numbered as in native/rouge.h; the kind is multiplied by KIND
SUBSEQUENCE, UNIGRAMS, BIGRAMS, SUMMARY = range(4)
LONGEST_LINE = 4096  # tokens; ROUGE-Lsum splits longer lines, because memory grows with the square of the length

_WORD = re.compile("[0-9a-z\u0080-\U0010ffff]+")

Tokens = Sequence[bytes] | Sequence[str]


class CompiledReferences(NamedTuple):
    """Tokenized references of one prompt."""

    tokens: list[list[bytes]]

    @property
    def nbytes(self) -> int:
        """Memory use in bytes, assuming a typical size per token."""
        return sum(48 * len(tokens) for tokens in self.tokens)


def compile_references(texts: Iterable[str]) -> CompiledReferences:
    """Tokenize the references."""
    return CompiledReferences([tokenize_rouge(text) for text in texts])


def rouge_compiled(response: str, references: CompiledReferences, _: int = 0) -> float | None:
    """ROUGE-L F1, best over the references. 0.0 without a match; None without references."""
    if not references.tokens:
        return None
    tokens = tokenize_rouge(response)
    return max(rouge_f1(_common(reference, tokens), len(tokens), len(reference)) for reference in references.tokens)


def rouge_once(response: str, references: Iterable[str], _: int = 0) -> float | None:
    """ROUGE-L F1 of a single response."""
    return rouge_compiled(response, compile_references(references))


def rouge_options_once(response: str, references: Iterable[str], flags: int) -> float | None:
    """ROUGE of the kind set by the flags; references without tokens are ignored; None if none is left."""
    own = cut_lines(response, flags)
    cut = [lines for text in references if any(lines := cut_lines(text, flags))]
    return of_references([_score(own, lines, flags // KIND % 4) for lines in cut], flags)


def cut_lines(text: str, flags: int) -> list[list[str]]:
    """The tokens of each line. With `ALL_SCRIPTS`, the text must come from `scripts.words`."""
    lines = []
    for line in text.split("\n"):
        words = _WORD.findall(line) if flags & ALL_SCRIPTS else [token.decode() for token in tokenize_rouge(line)]
        lines.append([stem(word) if len(word) > 3 else word for word in words] if flags & STEMS else words)
    return lines


def rouge_f1(shared: int, own: int, other: int) -> float:
    """Harmonic mean of precision and recall from counts; 0.0 without a match."""
    if not shared:
        return 0.0
    precision, recall = shared / own, shared / other
    return 2 * precision * recall / (precision + recall)


def _score(own: list[list[str]], other: list[list[str]], kind: int) -> float:
    mine, theirs = [token for line in own for token in line], [token for line in other for token in line]
    if kind == SUBSEQUENCE:
        return rouge_f1(_common(theirs, mine), len(mine), len(theirs))
    if kind == SUMMARY:
        return rouge_f1(_summary(own, other), len(mine), len(theirs))
    order = 2 if kind == BIGRAMS else 1
    counts = [Counter(zip(*(tokens[n:] for n in range(order)), strict=False)) for tokens in (mine, theirs)]
    return rouge_f1((counts[0] & counts[1]).total(), len(mine) - order + 1, len(theirs) - order + 1)


def _common(reference: Tokens, response: Tokens) -> int:
    return LCSseq.similarity(reference, response) if reference and response else 0


def _summary(own: list[list[str]], other: list[list[str]]) -> int:
    """The number of reference tokens in a longest common subsequence with any line of the response, each token counted
    at most as often as it occurs in the response."""
    mine = [part for line in own for part in _parts(line)]
    left = Counter(token for line in own for token in line)
    hits = 0
    for line in (part for whole in other for part in _parts(whole)):
        for place in sorted(set().union(*(_subsequence(line, part) for part in mine))):
            if left[line[place]]:
                left[line[place]] -= 1
                hits += 1
    return hits


def _parts(line: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(line), LONGEST_LINE):
        yield line[start : start + LONGEST_LINE]


def _subsequence(reference: Sequence[str], response: Sequence[str]) -> set[int]:
    """The places in the reference of the longest common subsequence that `rouge_score` finds.

    Bit-parallel, Hyyro 2004: after each response token, a bit is 0 if the reference's token extends the subsequence.
    The subsequence is then read back from the end.
    """
    masks: dict[str, int] = {}
    for place, token in enumerate(reference):
        masks[token] = masks.get(token, 0) | 1 << place
    whole = row = (1 << len(reference)) - 1
    rows = []
    for token in response:
        match = row & masks.get(token, 0)
        row = ((row + match) | (row & ~match)) & whole
        rows.append(row)
    found: set[int] = set()
    if row == whole:
        return found
    i, j = len(reference), len(response)
    while i and j:
        if reference[i - 1] == response[j - 1]:
            found.add(i - 1)
            i, j = i - 1, j - 1
        elif rows[j - 1] >> (i - 1) & 1:
            i -= 1
        else:
            j -= 1
    return found
