"""A score that is not a finite number is no score: for trainers, in the cache of scores and in combined rewards."""

import math
import sqlite3

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.bleu_rm import BleuRm
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.pairwise_best import BestReference
from bleuberi.training.watch.reward import TrlReward
from tests.end_to_end.odd_reward import DOTTED_PATH as ODD

pytest.importorskip("datasets")


def test_a_trainer_gets_none_for_what_is_not_finite():
    rows = {"completions": ["a b"] * 6, "references": [["a b"]] * 6}
    scores = TrlReward(load_reward(ODD))(prompts=[f"P{n}" for n in range(6)], **rows)
    assert scores == [1 / 3, None, None, None, None, 1 / 3]


class Given(TextReward):
    """Gives what its first references say, as Python numbers."""

    name = "given"
    needs_prompts = True

    def signature(self):
        return "given|v:1"

    def score_rows(self, prompts, responses, references):
        return [float(texts[0]) for texts in references]


VALUES = {"prompts": ["p"] * 4, "responses": ["a b", "a c", "b", "c"], "references": [["1"], ["inf"], ["3"], ["nan"]]}


def test_a_batch_is_scored_by_trl_as_it_is(caplog):
    assert Given()(prompts=VALUES["prompts"], completions=VALUES["responses"], references=VALUES["references"]) == [
        1.0, None, 3.0, None,
    ]  # fmt: skip
    assert "The reward given gave no finite number for 2 of 4 responses" in caplog.text


def test_the_cache_of_scores_keeps_finite_numbers_only_and_heals(tmp_path, caplog):
    path = tmp_path / "scores.sqlite"
    assert CachedReward(Given(), path)(**VALUES) == [1.0, None, 3.0, None]
    with sqlite3.connect(path) as store:
        assert sorted(score for (score,) in store.execute("SELECT score FROM scores")) == [1.0, 3.0]
        store.execute("UPDATE scores SET score = ? WHERE score = 1.0", (math.inf,))  # as older versions kept them
        store.execute("UPDATE scores SET score = ? WHERE score = 3.0", ("high",))
    caplog.clear()
    assert CachedReward(Given(), path)(**VALUES) == [1.0, None, 3.0, None]
    assert caplog.text.count("gave no finite number for 2 of 4 responses") == 1


def test_one_infinite_score_leaves_the_means_of_a_pool_alone():
    rows = {"prompts": ["p"] * 4, "responses": ["1", "inf", "2", "1e300"], "references": [["1"]] * 4}

    class Spoken(Given):
        def score_rows(self, prompts, responses, references):
            return [float(text) for text in responses]

    scores = BleuRm(Spoken())(**rows)
    assert [score is None for score in scores] == [False, True, False, False]
    assert all(math.isfinite(score) for score in scores if score is not None)


@pytest.mark.parametrize("values", [["nan", "0.5", "inf"], ["0.5", "nan", "-inf"], ["inf", "0.5", "nan"]])
def test_the_best_reference_is_the_best_finite_one_in_any_order(values):
    class Pairs(BestReference):
        name = "pairs"

        def score_pairs(self, responses, references):
            return [float(text) for text in references]

    assert Pairs()(responses=["a", "b"], references=[values, ["nan"]]) == [0.5, None]


def test_a_user_error_is_no_score_for_other_trainers():
    from bleuberi.rewards.adapters import score_one

    with pytest.raises(UserError, match="the score is not finite"):
        score_one(load_reward(ODD), "Say 2.", "a text", ["a text"])
