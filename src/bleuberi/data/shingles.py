"""Split texts into words and runs of words."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHINGLE_WORDS: Final = 3

Hashes = NDArray[np.uint64]

# Scripts without spaces between words are cut into single characters: kana, Han, Hangul.
_WORD: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def normal_words(text: str) -> list[str]:
    """The words of a text without case, punctuation and typographic variants; if it has no words, the stripped text."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(folded) or [folded.strip()]


def runs_of_words(words: Sequence[str], length: int) -> list[str]:
    """Every run of `length` words, in order; if there are fewer words, all of them as one run."""
    return [" ".join(words[start : start + length]) for start in range(max(1, len(words) - length + 1))]


def hash_texts(texts: Sequence[str]) -> Hashes:
    """A 64-bit BLAKE2b hash for each text, the same on every machine."""
    digests = b"".join(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def shingles(text: str) -> Hashes:
    """The set of a text's runs of SHINGLE_WORDS words, hashed, ascending."""
    return np.unique(hash_texts(runs_of_words(normal_words(text), SHINGLE_WORDS)))


def jaccard(first: Hashes, second: Hashes) -> float:
    """The Jaccard similarity of two ascending sets: |A and B| / |A or B|."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / max(1, len(first) + len(second) - shared)
