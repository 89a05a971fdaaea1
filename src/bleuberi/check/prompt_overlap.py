"""Find prompts of a test set in a pool.

A test prompt counts as found if a pool prompt covers more than half of its words with runs of eight words: the rule by
which Tulu 3's data was decontaminated (Lambert et al. 2024, section 3.2). A shorter test prompt is found only if it
equals a whole prompt, word for word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from bleuberi.data.shingles import hash_texts, normal_words, runs_of_words

RUN_WORDS: Final = 8
COVERED_SHARE: Final = 0.5


class TestPrompts:
    """Prompts that training must not see, indexed by their runs of words."""

    __test__ = False  # the name is the field's word; it holds no unit tests

    def __init__(self, prompts: Iterable[str]) -> None:
        self._words: list[int] = []  # of each test prompt
        self._places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)  # run -> (test prompt, where)
        self._whole: set[int] = set()
        for prompt in prompts:
            words = normal_words(prompt)
            if len(words) < RUN_WORDS:
                self._whole.add(_hash(" ".join(words)))
                continue
            for start, run in enumerate(hash_texts(runs_of_words(words, RUN_WORDS)).tolist()):
                self._places[run].append((len(self._words), start))
            self._words.append(len(words))

    def is_in(self, prompt: str) -> bool:
        """Whether the prompt covers more than half of any test prompt, or equals a short one."""
        words = normal_words(prompt)
        if len(words) < RUN_WORDS:
            return _hash(" ".join(words)) in self._whole
        covered: defaultdict[int, set[int]] = defaultdict(set)
        for run in hash_texts(runs_of_words(words, RUN_WORDS)).tolist():
            for test, start in self._places.get(run, ()):
                covered[test].update(range(start, start + RUN_WORDS))
        return any(len(places) > COVERED_SHARE * self._words[test] for test, places in covered.items())


def _hash(text: str) -> int:
    return int(hash_texts([text])[0])
