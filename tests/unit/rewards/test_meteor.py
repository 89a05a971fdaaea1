"""METEOR gives the numbers of NLTK, its stems are NLTK's, and both back ends give equal bits."""

import itertools
import random

import pytest
from breaking_texts import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import PIECES, made_pairs, real_pairs
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import meteor_score
from tests.unit.rewards.test_back_ends import needs_native, scores

from bleuberi.errors import UserError
from bleuberi.rewards import Meteor, backend, load_reward
from bleuberi.rewards.porter import LAST_SUFFIXES, LONG_SUFFIXES, PLURALS, SHORT_SUFFIXES, stem
from bleuberi.rewards.tokens import tokenize_13a


class NoSynonyms:
    """A WordNet without an entry."""

    @staticmethod
    def synsets(word):
        return []


def nltk_meteor(response, references):
    """The oracle on our tokens."""
    cut = [tokenize_13a(text.lower()) for text in references]
    return meteor_score([tokens for tokens in cut if tokens], tokenize_13a(response.lower()), wordnet=NoSynonyms())


def test_two_thousand_pairs_equal_nltk(back_end):
    pairs = [(text, [other]) for text, other in made_pairs()] + real_pairs()
    pairs = [(text, references) for text, references in pairs if any(map(tokenize_13a, references))]
    found = Meteor()(responses=[row[0] for row in pairs], references=[row[1] for row in pairs])
    assert len(pairs) >= 1990
    for value, row in zip(found, pairs, strict=True):
        assert value == pytest.approx(nltk_meteor(*row), abs=1e-12), row
    assert len(set(found)) > 1000


def test_the_best_and_the_mean_of_several_references(back_end):
    references = ["", "the cats sat down", "a cat was sitting on the mats", "dogs bark"]
    alone = [nltk_meteor("The cat sits on a mat", [text]) for text in references[1:]]
    given = {"responses": ["The cat sits on a mat"], "references": [references]}
    assert load_reward("meteor")(**given) == [pytest.approx(max(alone), abs=1e-12)]
    mean = load_reward("meteor:mean")
    assert mean(**given) == [pytest.approx(sum(alone) / 3, abs=1e-12)]
    assert mean.name == "meteor_mean"
    assert mean.signature() == Meteor().signature().replace("ref:best", "ref:mean")


@pytest.mark.parametrize("name", ["meteor:median", "meteor:mean:mean", "bertscore_:mean", "format:mean"])
def test_unknown_and_repeated_options_are_refused(name):
    with pytest.raises(UserError):
        load_reward(name)


@needs_native
@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=4)), max_size=6))
@settings(max_examples=300, deadline=None)
def test_fuzz_equal_bits(rows):
    responses, references = [row[0] for row in rows], [row[1] for row in rows]
    for reward in (Meteor(), Meteor(references="mean")):
        assert scores("native", reward, responses, references) == scores("python", reward, responses, references)


def words_to_stem():
    """Over 100,000 words: letters that rules look at, with up to three suffixes."""
    rules = [*PLURALS, *LONG_SUFFIXES, *SHORT_SUFFIXES, *LAST_SUFFIXES]
    suffixes = [suffix for suffix, _ in rules] + ["", "es", "ied", "eed", "ed", "ing", "at", "bl", "iz", "y", "sion"]
    suffixes += ["e", "ll", "é", "ß", "漢", "1.5", "-"]
    rng = random.Random(0)
    for first, second in itertools.product(suffixes, suffixes):
        for _ in range(30):
            yield "".join(rng.choices("aeiouybcdlrstzwxé", k=rng.randrange(6))) + first + second
    yield from (word.lower() for piece in PIECES for word in piece.split())
    yield from ["", "y", "yy", "yyyyy", "sky", "skies", "dying", "news", "howe", "succeed", "\ud800s", "dies", "died"]


@pytest.mark.slow
def test_stems_are_nltks_on_a_hundred_thousand_words():
    oracle, words = PorterStemmer(), sorted(set(words_to_stem()))
    assert len(words) > 100_000
    compiled = backend._native.stem if backend._native else stem
    for word in words:
        expected = oracle.stem(word)
        assert stem(word) == compiled(word) == expected, word


def test_a_long_word_is_stemmed_in_a_blink(back_end):
    for word in ("y" * 300_000, "ab" * 150_000 + "ing", "s" * 300_000):
        assert Meteor()(responses=[word], references=[[word + "s"]])[0] in (0.0, 0.5)
