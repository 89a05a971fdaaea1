"""Tags, the score cache, and the shapes of other trainers."""

import asyncio
import json
import pickle
from types import SimpleNamespace

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, RougeL, load_reward
from bleuberi.rewards.adapters import (
    OpenRlhfReward,
    RubricReward,
    VerifiersReward,
    VerlScore,
    read_references,
    score_one,
)
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.bleu_rm import BleuRm
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.tags import tagged_answer

GOOD = "<think>\nFirst,\n\nsecond.\n</think>\n\n<answer>\nParis\n</answer>\n"


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", ""), "\n\n" + GOOD, "<think></think><answer></answer>"])
def test_well_formed(text):
    assert load_reward("format")(prompts=["p"], completions=[text]) == [1.0]


@pytest.mark.parametrize(
    "text",
    ["", "Paris", "<answer>Paris</answer>", "So: " + GOOD, GOOD + "!", GOOD * 2, GOOD.replace("</think>", ""),
     "<answer>a</answer><think>b</think>", "<think>a<think>b</think><answer>c</answer>",
     "<think>a</think> and <answer>b</answer>", GOOD.upper()],
)  # fmt: skip
def test_ill_formed(text):
    assert load_reward("format")(prompts=["p"], completions=[text]) == [0.0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (GOOD, "Paris"),
        ("<answer>a</answer> no, <answer>b\nc</answer>", "a"),  # the first
        ("So: <answer>Par\nis", "Par\nis"),  # not closed
        ("<answer></answer> Paris", ""),  # empty
        ("<think>Lyon?</think>\n\nParis", "Paris"),
        ("<think>Lyon?</think> <think>no</think> Paris", "Paris"),  # behind the last thought
        ("Lyon?</think>Paris", "Paris"),  # a template wrote the first tag into the prompt
        ("<think>Lyon?</think>", ""),
        ("<think>Paris", "<think>Paris"),  # the thought was cut off
        ("Paris </answer>", "Paris </answer>"),
        (" Paris ", "Paris"),
    ],
)
def test_the_answer_of_a_response(text, answer):
    assert tagged_answer(text) == answer


def test_the_answer_is_scored_alone():
    reward = load_reward("answer:rouge")
    texts = [GOOD, "Paris", "<answer>Par", "<answer> </answer> Paris", "<think>Lyon</think> Paris"]
    assert reward(responses=texts, references=[["Paris"]] * 5) == [1.0, 1.0, 0.0, 0.0, 1.0]
    assert reward.signature() == RougeL().signature() + "|on:first-answer-tag-or-behind-think-or-all"
    assert reward.name == "rouge_on_answer"
    assert pickle.loads(pickle.dumps(reward))(completions=[GOOD], references=[["Paris"]]) == [1.0]
    assert load_reward("answer:rouge:auto")(responses=["<think>нет</think>да"], references=[["да"]]) == [1.0]
    assert reward.blind_to("Париж")
    assert not load_reward("answer:chrf").blind_to("Париж")


def test_a_mean_over_the_pool_does_not_go_behind_tags():
    with pytest.raises(UserError, match="bleu_rm is a mean over the pool"):
        load_reward("answer:bleu_rm")


class Counting(TextReward):
    """Counts what it is asked; scores by length."""

    name = "counting"
    needs_prompts = True

    def __init__(self, version=1):
        self.version, self.asked = version, []

    def signature(self):
        return f"counting|v:{self.version}"

    def score_rows(self, prompts, responses, references):
        self.asked += responses
        return [None if text == "none" else self.version * len(p + text) + len(refs)
                for p, text, refs in zip(prompts, responses, references, strict=True)]  # fmt: skip


ROWS = {
    "prompts": ["p", "p", "q", "p"],
    "responses": ["a", "none", "a\ud800", "a"],
    "references": [["r"], ["r"], [], ["r"]],
}


def test_the_cache_scores_each_row_once_and_gives_what_the_reward_gives(tmp_path):
    inner, path = Counting(), tmp_path / "deep" / "scores.sqlite"
    cached = CachedReward(inner, path)
    assert cached(**ROWS) == Counting()(**ROWS) == [3, None, 3, 3]
    assert inner.asked == ["a", "none", "a\ud800"] or sorted(inner.asked) == ["a", "a\ud800", "none"]
    assert CachedReward(inner, path)(**ROWS) == [3, None, 3, 3]
    assert len(inner.asked) == 3
    assert (cached.name, cached.signature()) == ("counting", "counting|v:1")


def test_a_changed_setting_prompt_or_reference_is_scored_anew(tmp_path):
    path = tmp_path / "scores.sqlite"
    CachedReward(Counting(), path)(**ROWS)
    assert CachedReward(Counting(version=2), path)(**ROWS) == Counting(version=2)(**ROWS)
    inner = Counting()
    CachedReward(inner, path)(prompts=["p2", "p"], responses=["a", "a"], references=[["r"], ["r", ""]])
    assert len(inner.asked) == 2


def test_what_was_scored_before_a_crash_is_kept(tmp_path):
    class Failing(Counting):
        def score_rows(self, prompts, responses, references):
            if len(self.asked) >= 256:
                raise RuntimeError("out of luck")
            return super().score_rows(prompts, responses, references)

    rows = {"prompts": ["p"] * 300, "responses": [str(n) for n in range(300)], "references": [["r"]] * 300}
    with pytest.raises(RuntimeError):
        CachedReward(Failing(), tmp_path / "s")(**rows)
    inner = Counting()
    CachedReward(inner, tmp_path / "s")(**rows)
    assert len(inner.asked) == 300 - 256


def test_a_reward_over_the_whole_pool_is_not_cached_by_rows(tmp_path):
    with pytest.raises(UserError, match="whole pool"):
        CachedReward(BleuRm(), tmp_path / "s")


def test_references_are_read_from_every_shape():
    import numpy as np

    for value in (["a", "b"], ("a", "b"), np.array(["a", "b"]), '["a", "b"]', {"references": ["a", "b"]}):
        assert read_references(value) == ["a", "b"]
    assert read_references("one text") == ["one text"]
    assert read_references("[1] is no list of texts") == ["[1] is no list of texts"]
    assert read_references("[1]") == ["[1]"]
    for unread in (f"[{'9' * 5000}]", "[" * 100_000):
        assert read_references(unread) == [unread]
    for bad in (7, None, [1], {}):
        with pytest.raises(UserError, match="Cannot read references"):
            read_references(bad)


def test_every_adapter_gives_the_rewards_number():
    text, refs = "a cat sat", ["a cat sat down", "the cat"]
    (expected,) = Bleu()(responses=[text], references=[refs])
    verl, rubric, v1 = pickle.loads(pickle.dumps((VerlScore(Bleu()), RubricReward(Bleu()), VerifiersReward(Bleu()))))
    task, trace = SimpleNamespace(prompt="p", references=refs), SimpleNamespace(last_reply=text)
    assert asyncio.run(v1(task=task, trace=trace)) == expected
    assert verl("set", text, refs) == expected
    assert (
        verl(data_source="set", solution_str=text, ground_truth="", extra_info={"references": refs}, more=1) == expected
    )
    talk = [{"role": "assistant", "content": text}]
    assert asyncio.run(rubric(completion=talk, answer="", info={"references": refs}, state={})) == expected
    assert asyncio.run(rubric(completion=text, answer=refs[0])) == score_one(Bleu(), "", text, refs[:1])
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = OpenRlhfReward(Bleu())([f"<user>Q{text}<|im_end|>\n"], ["<user>Q"], [json.dumps(refs)])
    assert found["rewards"].tolist() == [pytest.approx(expected)]
    assert found["scores"] is found["rewards"]
    assert torch.equal(found["extra_logs"]["bleu"], found["rewards"])


def test_what_cannot_be_scored_stops_a_trainer():
    with pytest.raises(UserError, match="cannot score this row"):
        VerlScore(Bleu())("set", "answer", [""])
