"""ROUGE-1, -2, -L and -Lsum give the numbers of rouge_score, chrF and chrF++ those of sacrebleu, on both back ends."""

import functools
import math

import pytest
from breaking_texts import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import made_pairs, real_pairs
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.chrf import CHRF
from tests.unit.rewards.test_back_ends import needs_native, scores

from bleuberi.rewards import Chrf, ChrfPlusPlus, Rouge1, Rouge2, RougeL, RougeLsum
from bleuberi.rewards.rouge_python import LONGEST_LINE
from bleuberi.rewards.tokens import tokenize_rouge

ROUGE = {"rouge1": Rouge1, "rouge2": Rouge2, "rougeL": RougeL, "rougeLsum": RougeLsum}
CHRFS = {0: Chrf, 2: ChrfPlusPlus}


@functools.cache  # both back ends are held against the same numbers
def rouge_scores(stem):
    """Pairs, and rouge_score's scores of each."""
    pairs = [row for row in all_pairs() if all(map(tokenize_rouge, row[1]))]
    scorer = RougeScorer(list(ROUGE), use_stemmer=stem)
    return pairs, [[scorer.score(text, response) for text in references] for response, references in pairs]


def all_pairs():
    """Texts that a reference says something in."""
    return [(text, [other]) for text, other in made_pairs()] + real_pairs(100)


@pytest.mark.slow
@pytest.mark.parametrize("stem", [False, True])
def test_two_thousand_pairs_equal_rouge_score(stem, back_end):
    pairs, expected = rouge_scores(stem)
    assert len(pairs) > 1500
    for kind, reward in ROUGE.items():
        found = reward(stem=stem)(responses=[row[0] for row in pairs], references=[row[1] for row in pairs])
        for row, value, own in zip(pairs, found, expected, strict=True):
            assert value == pytest.approx(max(score[kind].fmeasure for score in own), abs=1e-12), (kind, row)
        assert len(set(found)) > 500


@pytest.mark.parametrize("words", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_two_thousand_pairs_equal_sacrebleu(words, back_end):
    pairs = [row for row in all_pairs() if all(text.strip() for text in row[1])]
    assert len(pairs) > 1990
    oracle = CHRF(word_order=words)
    found = CHRFS[words]()(responses=[row[0] for row in pairs], references=[row[1] for row in pairs])
    for row, value in zip(pairs, found, strict=True):
        assert value == pytest.approx(oracle.sentence_score(*row).score / 100, abs=1e-12), row
    assert len(set(found)) > 1000


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
def test_the_mean_over_the_references(name, back_end):
    given = {"responses": ["the cat sat on the mat"], "references": [["", "a cat sat\non a mat", "the dog ran"]]}
    scorer = RougeScorer([name])
    alone = [scorer.score(text, *given["responses"])[name].fmeasure for text in given["references"][0][1:]]
    assert ROUGE[name](references="mean")(**given) == [pytest.approx(math.fsum(alone) / 2, abs=1e-12)]


@pytest.mark.parametrize("words", [1, 63, 64, 65, 128, 129, 700])
def test_lines_across_the_words_of_a_machine(words, back_end):
    lines = "\n".join("abcde"[n * n % 5] for n in range(9))
    pairs = [
        (" ".join("abcdefghij"[n * n % 10] for n in range(words)), lines),
        (" ".join("abc"[n % 3] for n in range(words)), " ".join("cba"[n % 3] for n in range(words + 3))),
    ]
    scorer = RougeScorer(["rougeLsum"])
    for response, reference in pairs:
        expected = scorer.score(reference, response)["rougeLsum"].fmeasure
        assert RougeLsum()(responses=[response], references=[[reference]]) == [pytest.approx(expected, abs=1e-12)]


def test_a_line_of_a_hundred_thousand_words_is_scored_in_little_memory(back_end):
    line = " ".join(["one", "two", "three", "four"] * (LONGEST_LINE // 2))
    assert RougeLsum()(responses=[line], references=[[line + " five"]])[0] > 0.99


REWARDS = [reward(stem=stem, references=of, tokens=tokens) for reward in ROUGE.values() for stem in (False, True)
           for of in ("best", "mean") for tokens in ("ascii", "auto")]  # fmt: skip
REWARDS += [reward(references=of) for reward in CHRFS.values() for of in ("best", "mean")]
LINES = st.lists(TEXTS | st.lists(st.sampled_from(["a", "b", "c", "\n"]), max_size=12).map(" ".join), max_size=3)


@needs_native
@given(st.lists(st.tuples(LINES.map("\n".join), st.lists(LINES.map("\n".join), max_size=4)), max_size=4))
@settings(max_examples=100, deadline=None)
def test_fuzz_equal_bits(rows):
    responses, references = [row[0] for row in rows], [row[1] for row in rows]
    for reward in REWARDS:
        assert scores("native", reward, responses, references) == scores("python", reward, responses, references)


@given(TEXTS, st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None)
def test_fuzz_chrf_equals_sacrebleu(response, references):
    for words, reward in CHRFS.items():
        expected = CHRF(word_order=words).sentence_score(response, references).score / 100
        assert reward()(responses=[response], references=[references]) == [pytest.approx(expected, abs=1e-12)]
