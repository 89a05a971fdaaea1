"""Both tokenisations, in Python and compiled, against the registries' own: sacrebleu's 13a and rouge_score's."""

import sys

import pytest
from breaking_texts import TEXTS
from hypothesis import given, settings
from rouge_score.tokenize import tokenize as oracle_rouge
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from bleuberi.rewards.tokens import tokenize_13a, tokenize_rouge

BLEU, ROUGE = 0, 1
oracle_13a = Tokenizer13a()


def code_points():
    """Every code point, surrogates among them, between digits, points, dashes, letters and blanks."""
    frames = ["5{0}5", "5.{0}", "{0}.5", "5-{0}", "a{0}-5", "a{0}b", "{0},{0}", "..{0}5", "<skip{0}ped>", "-{0}\n"]
    for block in range(0, sys.maxunicode + 1, 64):
        chars = list(map(chr, range(block, min(block + 64, sys.maxunicode + 1))))
        yield block, " ".join(frame.format(char) for char in chars for frame in frames)


def as_bytes(tokens):
    return [token.encode("utf-8", "surrogatepass") for token in tokens]


@pytest.mark.slow
def test_every_code_point_in_every_context_equals_sacrebleu(native):
    for block, text in code_points():
        tokens = tokenize_13a(text)
        if block < 0x3400 or block % 0x2000 == 0:  # the oracle is slow; beyond, characters differ in number alone
            assert tokens == oracle_13a(text).split()
        assert native.tokens(BLEU, text) == as_bytes(tokens)


def test_every_code_point_lowers_as_rouge_score_lowers_it(native):
    for block, text in code_points():
        tokens = tokenize_rouge(text)
        if block < 0x3400 or block % 0x800 == 0:
            assert [token.decode() for token in tokens] == oracle_rouge(text, None)
        assert native.tokens(ROUGE, text) == tokens


@given(TEXTS)
@settings(max_examples=1500, deadline=None)
def test_fuzz_13a(text):
    assert tokenize_13a(text) == oracle_13a(text).split()


@given(TEXTS)
@settings(max_examples=1500, deadline=None)
def test_fuzz_compiled_tokens_equal_pythons(text):
    native = pytest.importorskip("bleuberi.rewards._native", reason="the compiled extension was not built here")
    assert native.tokens(BLEU, text) == as_bytes(tokenize_13a(text))
    assert native.tokens(ROUGE, text) == tokenize_rouge(text)


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_fuzz_rouge_tokens(text):
    assert [token.decode() for token in tokenize_rouge(text)] == oracle_rouge(text, None)
