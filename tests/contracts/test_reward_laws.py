"""Laws that every reward on texts keeps, and what bad input gives."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.cli.agreement import ALL_TEXT_REWARDS
from bleuberi.errors import UserError
from bleuberi.evaluation.measures import _FAMILIES, _SHARES, family_of
from bleuberi.rewards import REWARDS, WITH_MODEL, load_reward, reward_name
from bleuberi.rewards.base import TextReward

NAMES = ["bleu", "bleu_plain_unigrams", "bleu_closest", "bleu_short_f1", "rouge", "bleu_rouge_f1", "meteor", "rouge1"]
NAMES += ["rouge2", "rougeLsum", "rouge:stem", "rouge:mean", "meteor:mean", "chrf", "chrf++", "chrf:mean", "bleu:auto"]
NAMES += ["rouge:auto", "rougeLsum:auto:stem:mean", "meteor:auto", "bleu_rouge_f1:auto"]
rewards = pytest.mark.parametrize("reward", [load_reward(name) for name in NAMES], ids=NAMES)
WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "mat", ",", ".", "1.5", "é"]
SENTENCE = st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join)
SPACES = "".join(map(chr, [*range(9, 14), *range(28, 33), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
                           0x202F, 0x205F, 0x3000]))  # fmt: skip


def whole(reward, tokens):
    """What a text of so many tokens scores against itself: METEOR counts one chunk against it."""
    return pytest.approx(1 - 0.5 / tokens**3 if reward.name.startswith("meteor") else 1.0)


def score(reward, response, references):
    (value,) = reward(prompts=["p"], responses=[response], references=[references])
    return value


@rewards
@given(rows=st.lists(st.tuples(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=3)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_as_many_out_as_in_within_bounds_and_batching_changes_nothing(reward, rows):
    together = reward(responses=[row[0] for row in rows], references=[row[1] for row in rows])
    assert together == [score(reward, *row) for row in rows]
    assert all(value is None or 0.0 <= value <= 1.0 for value in together)


@rewards
@given(texts=st.lists(SENTENCE.filter(str.strip), min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_the_order_of_references_is_no_matter(reward, texts):
    assert score(reward, texts[0], texts[1:]) == score(reward, texts[0], texts[:0:-1])


@rewards
def test_own_reference_beats_a_strangers(reward):
    own, other = "the cat sat on the mat in the sun", "dogs run after red balls every day"
    assert score(reward, own, [own]) == whole(reward, 9)
    assert score(reward, own, [other]) < 0.6


@rewards
def test_plain_and_conversational_completions_score_alike_and_further_keywords_are_ignored(reward):
    text, refs = "the cat sat", ["the cat sat down"]
    talk = [{"role": "assistant", "content": text}]
    trl = {"completion_ids": [[1]], "trainer_state": object(), "log_metric": print, "id": ["x"]}
    plain = reward(prompts=["p"], completions=[text], references=[refs], **trl)
    assert plain == reward([[{"role": "user", "content": "p"}]], completions=[talk], references=[refs], **trl)
    assert plain == reward(["p"], [text], [refs])


@rewards
def test_copies_pickles_and_threads_score_alike(reward):
    assert reward.__name__ == reward.name
    rows = {"responses": ["the cat sat on the mat"] * 40, "references": [["a cat sat", f"on {n}"] for n in range(40)]}
    expected = reward(**rows)
    for twin in (copy.deepcopy(reward), pickle.loads(pickle.dumps(reward))):
        assert twin(**rows) == expected
        assert twin.signature() == reward.signature()
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(lambda _: reward(**rows), range(12)))


@rewards
@pytest.mark.parametrize("blank", ["", " ", SPACES, "\n\n"])
def test_a_blank_response_is_a_documented_zero(reward, blank):
    assert score(reward, blank, ["something"]) == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("references", [[], ["", SPACES, "<skipped>"]])
def test_where_no_reference_says_anything_there_is_no_quiet_score(name, references):
    if name.startswith(("rouge", "chrf")):
        references = references[:-1]  # to them it is a word
    value = score(load_reward(name), "an answer", references)
    if references and name == "rouge":
        assert value == 0.0  # the reference path gives 0.0 here
    else:
        assert value is None


@rewards
def test_an_empty_reference_among_good_ones_changes_nothing(reward):
    good = ["the cat sat on the mat", "a cat was there"]
    assert score(reward, "the cat was on a mat", ["", *good, " "]) == score(reward, "the cat was on a mat", good)


@rewards
@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\x00", "<skipped>", "-\n", "\udfff 1.5", "x" * 1_000_000])
def test_odd_texts_have_a_defined_number(reward, text):
    for response, reference in [(text, "the mat"), ("the mat", text), (text, text)]:
        value = score(reward, response, [reference, "a cat"])
        assert value is not None
        assert 0.0 <= value <= 1.0


@rewards
def test_ten_thousand_references(reward):
    references = [f"the cat number {n}" for n in range(10_000)]
    value = score(reward, "the cat number 77", references)
    if "_mean" in reward.name:
        assert 0.5 < value < 0.8
    else:
        assert value == whole(reward, 4)


@rewards
def test_none_has_no_score_and_other_things_name_their_row(reward):
    assert reward(responses=[None, "a"], references=[["a"], ["a"]])[0] is None
    for bad in (float("nan"), 3, b"bytes"):
        with pytest.raises(UserError, match="response in row 1"):
            reward(responses=["a", bad], references=[["a"], ["a"]])
    for bad in (None, "a text", [None], [float("nan")], 7):
        with pytest.raises(UserError, match="references in row 1"):
            reward(responses=["a", "b"], references=[["a"], bad])
    with pytest.raises(UserError, match="2 responses and 1 lists"):
        reward(responses=["a", "b"], references=[["a"]])
    with pytest.raises(UserError, match="no references"):
        reward(responses=["a"])
    with pytest.raises(UserError, match="no responses"):
        reward(references=[["a"]])


def test_signatures_tell_every_setting_apart():
    signatures = [load_reward(name).signature() for name in NAMES]
    assert len(set(signatures)) == len(NAMES)
    assert load_reward("bleu").signature() == "bleu|tok:13a|order:4|smooth:add1-all|ref:shortest|v:1"


def test_repairs_do_what_their_names_say():
    exact, plain, closest, short = map(load_reward, NAMES[:4])
    assert score(exact, "Lyon", ["Paris"]) == pytest.approx(0.5**0.25)
    assert score(plain, "Lyon", ["Paris"]) == 0.0
    assert score(short, "Lyon", ["Paris"]) == 0.0
    assert score(short, "The capital is Paris", ["Paris", "It is Paris"]) == pytest.approx(4 / 7)
    long_enough = "it is the city of Paris"
    assert score(short, "Paris", ["Paris", long_enough]) == score(exact, "Paris", ["Paris", long_enough])
    assert score(closest, "a b c d e", ["a b c d", "a b c d e f g"]) == score(
        exact, "a b c d e", ["a b c d", "a b c d e f g"]
    )
    assert score(closest, "a b c d e f", ["a b", "a b c d e f g"]) < score(
        exact, "a b c d e f", ["a b", "a b c d e f g"]
    )


def test_unknown_names_list_the_known_ones_and_dotted_paths_work():
    with pytest.raises(UserError, match="blue"):
        load_reward("blue")
    assert isinstance(load_reward("bleuberi.rewards.bleu:BleuClosest"), TextReward)
    with pytest.raises(UserError, match="could not be loaded"):
        load_reward("bleuberi.rewards.nowhere:Bleu")


def test_no_text_reward_is_forgotten_elsewhere():
    names = {name.partition(":")[0] for name in NAMES}
    assert names == set(REWARDS) - {*WITH_MODEL, "format", "length"}
    families = {family for _, family in _FAMILIES}
    assert {name: family_of(name) for name in names if family_of(name) not in families} == {}
    assert {name for name in names if load_reward(name).signature().partition("|")[0] not in _SHARES} == set()
    assert names - set(ALL_TEXT_REWARDS) == {"bleu_plain_unigrams", "bleu_closest", "bleu_short_f1"}  # for studies


@pytest.mark.parametrize("name", [*NAMES, "format", "length", "answer:bleu"])
def test_a_signature_gives_the_name_back(name):
    plain = {"rouge:stem", "rouge:mean", "meteor:mean", "chrf:mean", "rougeLsum:auto:stem:mean"}  # need their options
    assert reward_name(load_reward(name).signature()) == (None if name in plain else name)
