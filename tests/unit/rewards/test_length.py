"""Laws of the reward that reads lengths alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.rewards import load_reward

REWARD = load_reward("length")
COUNTS = st.integers(min_value=1, max_value=40)


def words(count, word="w"):
    return " ".join([word] * count)


def score(response, *references):
    return REWARD(responses=[response], references=[list(references)])[0]


@given(length=COUNTS, own=st.lists(COUNTS, min_size=1, max_size=4))
@settings(max_examples=100)
def test_it_is_the_ratio_to_the_nearest_reference_and_one_only_at_a_references_length(length, own):
    value = score(words(length), *map(words, own))
    assert value == max(min(length / other, other / length) for other in own)
    assert (value == 1.0) == (length in own)


@given(length=COUNTS, own=COUNTS)
@settings(max_examples=50)
def test_too_long_by_a_factor_costs_what_too_short_by_it_costs_and_words_are_not_read(length, own):
    assert score(words(length), words(own)) == score(words(own), words(length))
    assert score(words(length, "x"), words(own)) == score(words(length), words(own))


def test_tokens_are_those_of_bleu_and_the_signature_names_everything():
    assert score("It is 1.5, not 2.", "a b c d e f g") == 1.0  # It is 1.5 , not 2 .
    assert REWARD.signature() == "length|tok:13a|ratio:shorter/longer|ref:nearest|v:1"


@pytest.mark.parametrize("nothing", ["", " \n", "<skipped>"])
def test_without_tokens(nothing):
    assert score(nothing, "a b") == 0.0
    assert score("a b", nothing, "a b") == 1.0
    assert score("a b", nothing) is None
    assert score("a b") is None


def test_conversations_batches_and_what_trl_hands_over():
    turn = [{"role": "assistant", "content": "a b"}]
    assert REWARD(completions=[turn, turn], references=[["a"], ["a b c d"]], trainer_state=None) == [0.5, 0.5]
    assert REWARD(responses=[None, "a"], references=[["a"], ["a"]]) == [None, 1.0]
