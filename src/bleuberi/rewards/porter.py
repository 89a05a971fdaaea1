"""Porter's stemmer in pure Python, with NLTK's extensions: the stems that METEOR and stemmed ROUGE match.

Source: Porter 1980, "An algorithm for suffix stripping", with the deviations of `nltk.stem.PorterStemmer` in its
default mode; the tests compare with it. `native/porter.h` implements the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

VOWELS = frozenset("aeiou")
IRREGULAR = {
    "sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news", "innings": "inning",
    "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning", "canning": "canning",
    "howe": "howe", "proceed": "proceed", "exceed": "exceed", "succeed": "succeed",
}  # fmt: skip

Rules = Sequence[tuple[str, str]]  # suffix, replacement; the first matching suffix applies

PLURALS: Rules = [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")]
LONG_SUFFIXES: Rules = [
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"), ("logi", "log"),
]  # fmt: skip
SHORT_SUFFIXES: Rules = [
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
]  # fmt: skip
LAST_SUFFIXES: Rules = [
    (suffix, "")
    for suffix in (
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
        "iti", "ous", "ive", "ize",
    )
]  # fmt: skip


LONGEST_KEPT = 40  # letters


def stem(word: str) -> str:
    """The stem of a lower-case word."""
    return _kept(word) if len(word) <= LONGEST_KEPT else _stem(word)


def _stem(word: str) -> str:
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    short = len(word) == 4 and word.endswith("ies")
    word = word[:-1] if short else _replace(word, PLURALS, lambda suffix, rest: True)
    word = _past_and_gerund(word)
    if len(word) > 2 and word.endswith("y") and _is_consonant(word[:-1]):
        word = word[:-1] + "i"
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        word = word[:-2]
    word = _replace(word, LONG_SUFFIXES, lambda suffix, rest: _measure(rest + "l" * (suffix == "logi")) > 0)
    word = _replace(word, SHORT_SUFFIXES, lambda suffix, rest: _measure(rest) > 0)
    word = _replace(
        word, LAST_SUFFIXES, lambda suffix, rest: _measure(rest) > 1 and (suffix != "ion" or rest[-1] in "st")
    )
    word = _without_final_e(word)
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


_kept = lru_cache(maxsize=1 << 16)(_stem)


def _replace(word: str, rules: Rules, allowed: Callable[[str, str], bool]) -> str:
    for suffix, by in rules:
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            return rest + by if allowed(suffix, rest) else word
    return word


def _past_and_gerund(word: str) -> str:
    if word.endswith("ied"):
        return word[:-3] + ("ie" if len(word) == 4 else "i")
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    cut = 2 if word.endswith("ed") else 3 if word.endswith("ing") else 0
    rest = word[: len(word) - cut]
    if not cut or "v" not in _shape(rest):
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if len(rest) >= 2 and rest[-1] == rest[-2] and _is_consonant(rest):
        return rest if rest[-1] in "lsz" else rest[:-1]
    return rest + "e" if _measure(rest) == 1 and _ends_short(rest) else rest


def _without_final_e(word: str) -> str:
    if not word.endswith("e"):
        return word
    rest = word[:-1]
    changes = _measure(rest)
    return rest if changes > 1 or (changes == 1 and not _ends_short(rest)) else word


def _shape(word: str) -> str:
    """`v` for each vowel and `c` for each consonant; a `y` is a consonant at the beginning and after a vowel."""
    kinds: list[str] = []
    for letter in word:
        consonant = (not kinds or kinds[-1] == "v") if letter == "y" else letter not in VOWELS
        kinds.append("c" if consonant else "v")
    return "".join(kinds)


def _is_consonant(word: str) -> bool:
    """Whether the word's last letter is a consonant."""
    return _shape(word)[-1] == "c"


def _measure(word: str) -> int:
    """How often a consonant follows a vowel."""
    return _shape(word).count("vc")


def _ends_short(word: str) -> bool:
    """Consonant, vowel, consonant other than w, x and y at the end; a vowel and a consonant alone count too."""
    kinds = _shape(word)
    return kinds == "vc" or (kinds.endswith("cvc") and word[-1] not in "wxy")
