"""The compiled and the Python back end give equal bits, alone, in groups, in batches and on threads."""

import json
import math
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from breaking_texts import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pairs import made_pairs, real_pairs
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from bleuberi.errors import UserError
from bleuberi.evaluation.measures import BleuPrecision
from bleuberi.rewards import Bleu, RougeL, backend
from bleuberi.rewards.baselines import BleuWithoutBrevityPenalty, BrevityPenaltyAlone
from bleuberi.rewards.bleu import BleuClosest, BleuPlainUnigrams
from bleuberi.rewards.references import BLEU, ReferenceCache, References, compile_for

POOL = Path(__file__).parents[4] / "shared" / "data" / "dev_pool_short.jsonl"
PARTS = [BrevityPenaltyAlone(), BleuWithoutBrevityPenalty(), *(BleuPrecision(order) for order in range(1, 5))]
REWARDS = [Bleu(), BleuPlainUnigrams(), BleuClosest(), RougeL(), *PARTS]
ROWS = st.lists(st.tuples(TEXTS, st.lists(TEXTS, max_size=4)), max_size=6)
needs_native = pytest.mark.skipif(backend._native is None, reason="the compiled extension was not built here")


def scores(back_end, reward, responses, references):
    with patch.dict(os.environ, {"BLEUBERI_BACKEND": back_end}):
        return reward(prompts=[""] * len(responses), responses=responses, references=references)


def bleu_from_the_definition(response, references):
    """The definition in the plainest words, with sacrebleu's tokeniser."""
    cut = Tokenizer13a()
    tokens, filled = cut(response).split(), [cut(text).split() for text in references]
    filled = [reference for reference in filled if reference]
    if not filled or not tokens:
        return 0.0 if filled else None
    product = 1.0
    for order in range(1, 5):
        grams = [Counter(tuple(t[i : i + order]) for i in range(len(t) - order + 1)) for t in [tokens, *filled]]
        matched = sum(min(count, max(other[gram] for other in grams[1:])) for gram, count in grams[0].items())
        product *= (matched + 1) / (grams[0].total() + 1)
    shortest = min(map(len, filled))
    return product**0.25 * (1.0 if len(tokens) > shortest else math.exp(1 - shortest / len(tokens)))


@given(TEXTS, st.lists(TEXTS, max_size=3))
@settings(max_examples=200, deadline=None)
def test_four_precisions_and_the_penalty_multiply_to_bleu(response, references):
    whole, *parts = (reward([""], [response], [references])[0] for reward in (Bleu(), PARTS[0], *PARTS[2:]))
    if whole is None:
        assert parts == [None] * 5
    else:
        assert whole == pytest.approx(parts[0] * math.prod(parts[1:]) ** 0.25, abs=1e-12)


def test_an_extension_built_from_other_source_is_not_used():
    code = """
import types, sys
import bleuberi.rewards
from bleuberi.rewards import backend
old = types.ModuleType("bleuberi.rewards._native")
sys.modules["bleuberi.rewards._native"] = bleuberi.rewards._native = old
del sys.modules["bleuberi.rewards.backend"]
from importlib import import_module
print(import_module("bleuberi.rewards.backend").describe())
"""
    environment = {**os.environ, "BLEUBERI_BACKEND": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "pure Python; the compiled extension is from other source: install bleuberi again\n"


@needs_native
@given(ROWS)
@settings(max_examples=400, deadline=None)
def test_fuzz_equal_bits(rows):
    responses, references = [row[0] for row in rows], [row[1] for row in rows]
    for reward in REWARDS:
        assert scores("native", reward, responses, references) == scores("python", reward, responses, references)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_fuzz_bleu_equals_the_definition(response, references):
    expected = bleu_from_the_definition(response, references)
    for back_end in ["python"] + ["native"] * (backend._native is not None):
        (given_score,) = scores(back_end, Bleu(), [response], [references])
        assert given_score == (None if expected is None else pytest.approx(expected, abs=1e-12))


def test_two_thousand_pairs_equal_bleuscore(back_end):
    bleuscore = pytest.importorskip("bleuscore", reason="bleuscore is not installed")
    pairs = [(text, [other]) for text, other in made_pairs() if other.strip()] + real_pairs()
    assert len(pairs) > 1990
    found = Bleu()(responses=[row[0] for row in pairs], references=[row[1] for row in pairs])
    for value, (response, references) in zip(found, pairs, strict=True):
        expected = bleuscore.compute(references=[references], predictions=[response], smooth=True)["bleu"]
        assert value == pytest.approx(expected, abs=1e-12), response


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
@settings(max_examples=200, deadline=None)
def test_fuzz_rouge_equals_rouge_score(response, references):
    scorer = RougeScorer(["rougeL"])
    expected = max(scorer.score(reference, response)["rougeL"].fmeasure for reference in references)
    for back_end in ["python"] + ["native"] * (backend._native is not None):
        assert scores(back_end, RougeL(), [response], [references]) == [pytest.approx(expected, abs=1e-12)]


@pytest.mark.parametrize("words", [1, 63, 64, 65, 127, 128, 129, 700])
def test_rouge_across_the_words_of_a_machine(words, back_end):
    rng = random.Random(words)
    reference = " ".join(rng.choices("abcdefgh", k=words))
    response = " ".join(rng.choices("abcdefghij", k=words + rng.randrange(9)))
    expected = RougeScorer(["rougeL"]).score(reference, response)["rougeL"].fmeasure
    assert scores(back_end, RougeL(), [response], [[reference]]) == [pytest.approx(expected, abs=1e-12)]


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.name)
def test_real_texts_alone_in_groups_compiled_and_on_threads(reward, back_end):
    if not POOL.exists():
        pytest.skip(f"no data at {POOL}")
    rows = [json.loads(line) for line in POOL.open(encoding="utf-8")][:60]
    references = [[text for key, text in row.items() if key.startswith("ref_output_") and text] for row in rows]
    group = [text for row in rows for text in [row["prompt"], row["ref_output_gold"]]]
    own = [refs for refs in references for _ in range(2)]
    together = scores(back_end, reward, group, own)
    alone = [scores(back_end, reward, [text], [refs])[0] for text, refs in zip(group, own, strict=True)]
    built = [References(refs) for refs in references for _ in range(2)]
    assert together == alone == scores(back_end, reward, group, built)
    assert together == scores("python", reward, group, own)
    assert len(set(together)) > (15 if reward is PARTS[0] else 50)  # the penalty has few values


@needs_native
def test_many_threads_give_what_one_gives(native):
    rng = random.Random(1)
    responses = [
        " ".join(rng.choices(["a", "b", "c", "d", "e", "f", "1.5", "é", ",", "."], k=rng.randrange(60)))
        for _ in range(500)
    ]
    references = [rng.sample(responses, k=3) for _ in responses]
    for metric in (0, 1):
        one, many = (native.score(metric, responses, references, threads, 0) for threads in (1, 8))
        assert one == many


def test_references_survive_pickling_and_are_a_sequence(back_end):
    references = References(["one two", "three"])
    before = Bleu()(responses=["one two three"], references=[references])
    again = pickle.loads(pickle.dumps(references))
    assert list(again) == ["one two", "three"]
    assert len(again) == 2
    assert Bleu()(responses=["one two three"], references=[again]) == before


def test_the_cache_keeps_to_its_megabytes_and_drops_the_oldest(back_end):
    texts = [(f"word{number} " * 50, f"other{number}") for number in range(200)]
    size = max(compile_for(BLEU, pair).nbytes + sum(map(len, pair)) for pair in texts)
    cache = ReferenceCache(megabytes=10.5 * size / 1e6)
    for pair in texts:
        cache.get(BLEU, pair)
        cache.get(BLEU, texts[0])
        assert cache.nbytes <= 10.5 * size
    assert 10 <= len(cache) < 30
    kept = cache.get(BLEU, texts[0])
    assert cache.get(BLEU, texts[0]) is kept
    assert cache.get(BLEU, texts[1]) is not cache.get(BLEU, texts[2])


def test_a_back_end_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("BLEUBERI_BACKEND", "fortran")
    with pytest.raises(UserError, match="fortran"):
        backend.describe()
    monkeypatch.setenv("BLEUBERI_BACKEND", "native")
    monkeypatch.setattr(backend, "_native", None)
    with pytest.raises(UserError, match="was not built"):
        backend.describe()
    monkeypatch.delenv("BLEUBERI_BACKEND")
    assert backend.describe() == "pure Python"


@needs_native
def test_the_extension_refuses_what_it_cannot_read(native):
    with pytest.raises(TypeError):
        native.score(0, [b"bytes"], [["a"]], 1, 0)
    with pytest.raises(TypeError):
        native.score(0, ["a"], ["a"], 1, 0)
    with pytest.raises(ValueError, match="differ in number"):
        native.score(0, ["a"], [], 1, 0)
    with pytest.raises(ValueError, match="another metric"):
        native.score(0, ["a"], [native.Compiled(1, ["a"])], 1, 0)
    with pytest.raises(TypeError):
        native.Compiled(0, [1])
