"""Reward functions of others are accepted, or refused in two lines."""

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.rewards.base import score_responses
from bleuberi.training.watch.reward import TrlReward, check_reward_columns

OTHERS = "tests.unit.rewards.others_rewards:"
TEXTS = {"prompts": ["a", "b"], "responses": ["one two", "three"], "references": [["x", "y"], ["z"]]}


def scores_of(name):
    return score_responses(load_reward(OTHERS + name), **TEXTS)


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("words", [2, 1]),
        ("only_completions", [1.0, 1.0]),
        ("waits", [0.5, 0.5]),
        ("Counting", [2, 1]),
        ("Counting(factor=3)", [6, 3]),
        ("made", [4, 2]),
    ],
)
def test_functions_and_callables_score_texts(name, scores):
    assert scores_of(name) == scores
    assert scores_of(name) == scores, "twice"


def test_trls_own_function_works_in_data_creation_and_training():
    reward = load_reward("trl.rewards:think_format_reward")
    texts = ["<think>\nyes\n</think>\nHello.", "Hello."]
    assert score_responses(reward, prompts=["a"] * 2, responses=texts, references=[[]] * 2) == [1.0, 0.0]
    completions = [[{"role": "assistant", "content": text}] for text in texts]
    assert TrlReward(reward)(prompts=["a"] * 2, completions=completions, references=[[]] * 2) == [1.0, 0.0]
    assert TrlReward(reward).__name__ == reward.name == "think_format_reward"


def test_a_made_function_gets_what_only_the_trainer_has():
    name = "trl.rewards:get_soft_overlong_punishment(max_completion_len=10, soft_punish_cache=4)"
    reward = load_reward(name)
    given = {"prompts": ["a"] * 3, "completions": ["x"] * 3, "references": [[]] * 3}
    assert TrlReward(reward)(**given, completion_ids=[[1] * 6, [1] * 8, [1] * 10]) == [0.0, -0.5, -1.0]
    with pytest.raises(UserError) as caught:
        score_responses(reward, **TEXTS)
    assert "needs completion_ids, available only during training" in caught.value.what


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("too_few", "gave 1 scores for 2 responses"),
        ("a_number", "returned 1.0"),
        ("a_text", "gave 'good' for row 0, which is not a number"),
        ("needs_solution", "needs solution, available only during training"),
        ("nothing_there", "could not be loaded"),
        ("TEXT", "could not be loaded"),
        ("Counting(3)", "The arguments of the reward"),
        ("Counting(factor=open)", "The arguments of the reward"),
        ("__doc__", "is not a reward"),
    ],
)
def test_what_cannot_be_used_is_told_in_two_lines(name, said):
    with pytest.raises(UserError) as caught:
        scores_of(name)
    assert said in caught.value.what
    assert caught.value.cure


def test_columns_of_the_data_set_reach_the_function_and_missing_ones_are_told():
    reward = load_reward(OTHERS + "needs_solution")
    check_reward_columns([reward], ["prompt", "references", "solution"])
    with pytest.raises(UserError) as caught:
        check_reward_columns([reward], ["prompt", "references"])
    assert "needs solution, and the data set has no such column" in caught.value.what
    completions = [[{"role": "assistant", "content": text}] for text in ("4", "5")]
    given = {"prompts": ["a"] * 2, "completions": completions, "references": [[]] * 2}
    assert TrlReward(reward)(**given, solution=["4", "4"], trainer_state=None) == [1.0, 0.0]


def test_signatures_tell_functions_and_settings_apart():
    names = ["words", "waits", "Counting", "Counting(factor=3)", "made"]
    assert len({load_reward(OTHERS + name).signature() for name in names}) == 5
    assert load_reward(OTHERS + "words").signature() == load_reward(OTHERS + "words").signature()
    assert load_reward(OTHERS + "words").signature().startswith(OTHERS + "words|function|source:")
