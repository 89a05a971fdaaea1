"""What answers are measured by, seeds of one training, and texts of controls."""

import functools
import operator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.errors import UserError
from bleuberi.evaluation.controls import cut_control, cut_to_words, last_words
from bleuberi.evaluation.measures import measures, score_answers
from bleuberi.evaluation.models import EvaluatedModel, Group, groups_of, read_models
from bleuberi.records import Example

WORD = st.sampled_from(["the", "cat", "sat", "on", "a", "mat", ".", "It's", "3.5"])
TEXT = st.lists(WORD, min_size=1, max_size=12).map(" ".join)


def example(*references):
    return Example("r", "s", [], "prompt", "", list(references))


@settings(deadline=None)
@given(TEXT, st.lists(TEXT, min_size=1, max_size=3))
def test_the_factors_multiply_to_bleu(answer, references):
    scores = score_answers(measures(["bleu"]), [example(*references)], [answer])
    factors = [scores[f"precision_{order}"][0] for order in range(1, 5)]
    product = (factors[0] * factors[1] * factors[2] * factors[3]) ** 0.25 * scores["brevity_penalty"][0]
    assert product == pytest.approx(scores["bleu"][0], abs=1e-12)
    assert scores["words"] == [len(answer.split())]


def test_an_empty_answer_scores_nothing_and_unreadable_references_no_number():
    empty = score_answers(measures(["bleu", "rouge"]), [example("the cat")], [""])
    assert set(functools.reduce(operator.iadd, empty.values(), [])) == {0.0}
    blank = score_answers(measures(["bleu"]), [example(" ")], ["the cat"])
    assert (blank.pop("words"), blank.pop("copied")) == ([2.0], [0.0])
    assert set(functools.reduce(operator.iadd, blank.values(), [])) == {None}


def test_roles_and_order():
    chosen = measures(["rouge", "bleu"])
    assert [one.name for one in chosen][:3] == ["rouge", "bleu", "brevity_penalty"]
    assert {one.role for one in chosen} == {"score", "part", "length", "copying"}
    assert [one.name for one in measures([])] == ["words", "copied"]
    assert measures([])[0].better is None


def test_seeds_make_groups():
    models = read_models(["base=org/b", "grpo@0=runs/a=b", "sft=s", "grpo@1=c"])
    assert models[1] == EvaluatedModel("grpo@0", "runs/a=b")
    assert read_models(["base=~/b"])[0].model == str(Path.home() / "b")
    assert groups_of(models) == [
        Group("base", ("base",)), Group("grpo", ("grpo@0", "grpo@1")), Group("sft", ("sft",)),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["base", "=m", "a=", "@0=m", "a@=m", "a@0@1=m", "a:b=m"])
def test_unreadable_models(word):
    with pytest.raises(UserError, match="--models got"):
        read_models([word])


def test_a_name_is_a_model_or_a_group_of_seeds():
    with pytest.raises(UserError, match="grpo is both a model and a group"):
        groups_of(read_models(["base=b", "grpo=x", "grpo@1=y"]))


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(0, 20))
def test_cut_texts_are_prefixes_of_so_many_words(text, words):
    cut = cut_to_words(text, words)
    assert text.startswith(cut)
    assert len(cut.split()) == min(words, len(text.split()))


def test_the_cut_control_keeps_lines_and_short_responses():
    base = ["one\n\n two three", "short"]
    control = cut_control("base", base, {"other": ["a b", "a b c"]})
    assert list(control.texts["other"]) == ["one\n\n two", "short"]
    assert control.shortened == {"other": 0.5}


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(0, 20))
def test_echoes_are_suffixes_of_so_many_words(text, words):
    echo = last_words(text, words)
    assert text.endswith(echo)
    assert len(echo.split()) == min(words, len(text.split()))
