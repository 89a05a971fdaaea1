"""Scores of pairs: baselines against BLEU's definition, policies on ties, the curve, mixes, votes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.agreement.mixes import logistic_mix, parts_of_mix, z_mean
from bleuberi.agreement.pairs import PreferencePair, Votes
from bleuberi.agreement.scores import (
    Scored,
    agreement_of_margins,
    named_rewards,
    reference_curve,
    reference_orders,
    score_pairs,
)
from bleuberi.agreement.ties import best_threshold, three_way_agreement
from bleuberi.agreement.votes import annotator_agreement, people_signs
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.baselines import (
    BASELINES,
    BleuWithoutBrevityPenalty,
    BrevityPenaltyAlone,
    EchoOfPrompt,
    LongerInWords,
    last_words,
)

TEXTS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "mat", ",", "42"]), max_size=14).map(" ".join)


def pair(a, b, winner="a", prompt="p", votes=()):
    return PreferencePair("1", "s", prompt, a, b, winner, Votes.of(votes), (None, None), {}, {})


def score(reward, responses, references):
    return reward(prompts=[""] * len(responses), responses=responses, references=references)


@settings(max_examples=100)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_bleu_is_its_precision_times_its_brevity_penalty(response, references):
    whole, precision, penalty = (
        score(reward, [response], [references])[0]
        for reward in (Bleu(), BleuWithoutBrevityPenalty(), BrevityPenaltyAlone())
    )
    if whole is None:
        assert precision is None
        assert penalty is None
    else:
        assert whole == pytest.approx(precision * penalty, abs=1e-12)


def test_baselines_by_hand():
    assert score(BrevityPenaltyAlone(), ["a b", "a b c d e", ""], [["x y z w", "1 2 3 4 5 6"]] * 3) == pytest.approx(
        [math.exp(1 - 4 / 2), 1.0, 0.0]
    )
    assert score(LongerInWords(), ["a  b\nc", ""], [["x"]] * 2) == [3.0, 0.0]
    assert (
        len({baseline.name for baseline in BASELINES}) == len({baseline().signature() for baseline in BASELINES}) == 6
    )


def test_an_echo_is_the_end_of_the_prompt_at_the_length_of_each_response():
    assert last_words(" say  it\nin three words ", 2) == "three words"
    assert (last_words("too short", 5), last_words("nothing", 0)) == ("too short", "")
    prompt, references = "Please repeat: the cat sat on the mat", ["the cat sat on the mat"]
    found = EchoOfPrompt()(
        prompts=[prompt] * 3, responses=["1 2 3 4 5 6", "a b", "the cat sat on the mat"], references=[references] * 3
    )
    whole, short = score(Bleu(), ["the cat sat on the mat", "the mat"], [references] * 2)
    assert found == [whole, short, whole]
    assert whole == 1.0


def test_a_tie_of_the_metric_counts_half_and_a_tie_of_people_not_at_all():
    outcome = agreement_of_margins(np.array([2.0, -1.0, 0.0, 1.0, math.nan]), np.array([1.0, 1.0, -1.0, 0.0, 1.0]))
    assert outcome[:3].tolist() == [1.0, 0.0, 0.5]
    assert np.isnan(outcome[3:]).all()


def test_scores_that_differ_by_rounding_tie():
    scored = Scored("x", "reward", "x", np.array([[0.1 + 0.2, 0.3], [1e9, 1e9 + 1e-4], [0.3, 0.31]]))
    assert (scored.margins == 0).tolist() == [True, True, False]


def test_identical_and_empty_responses_are_scored():
    scored = score_pairs(Bleu(), [pair("same text", "same text"), pair("", "same text")], [["same text"]] * 2)
    assert scored.margins[0] == 0
    assert scored.scores[1].tolist() == [0.0, 1.0]


def test_two_rewards_of_one_kind_go_by_kind_and_model():
    asked = ["bleu", "rouge", "bleuberi.rewards.rouge:RougeL"]
    assert list(named_rewards(asked)) == ["bleu", "rouge:rouge", "rouge:bleuberi.rewards.rouge:RougeL"]
    assert list(named_rewards(asked[:2])) == asked[:2]
    with pytest.raises(UserError, match="Duplicate rewards"):
        named_rewards(["bleu", "bleu"])


class Broken(TextReward):
    name = "broken"

    def signature(self):
        return "broken"

    def score_batch(self, responses, references):
        return [math.inf for _ in responses]


def test_a_reward_that_gives_infinity_gives_no_score_and_it_is_counted(caplog):
    assert np.isnan(score_pairs(Broken(), [pair("a", "b")], [["c"]]).scores).all()
    assert "The reward broken gave no finite number for 2 of 2 responses" in caplog.text


def test_orders_bring_every_reference_first_once_and_prompts_share_them():
    references = [["r0", "r1", "r2"]] * 4
    orders = list(reference_orders(["p", "q", "p", "r"], references, 6, seed=1))
    for block in (orders[:3], orders[3:]):
        for row in range(4):
            assert sorted(order[row][0] for order in block) == ["r0", "r1", "r2"]
    assert all(order[0] == order[2] and sorted(order[1]) == references[0] for order in orders)
    assert orders == list(reference_orders(["p", "q", "p", "r"], references, 6, seed=1))


def test_curve_averages_single_references_and_ends_at_all_of_them():
    pairs = [pair("red apple pie", "blue sky", prompt=str(n)) for n in range(3)]
    references = [["red apple pie", "blue sky"], ["blue sky", "blue sky"], ["red apple pie"]]
    curve = reference_curve(Bleu(), pairs, references, np.array([1.0, 1.0, 1.0]), longest=2, orders=2)
    assert curve[0, 0] == 0.5  # one reference is for a, the other for b
    assert curve[1].tolist() == [0.0, 0.0]
    assert np.isnan(curve[2]).all()  # it has fewer references than the curve is long
    full = score_pairs(Bleu(), pairs[:1], references[:1])
    assert curve[0, 1] == agreement_of_margins(full.margins, np.array([1.0]))[0]


def simulated(seed, n=3_000, first=1.0, second=1.0):
    """Two noisy views of quality; people choose by both with these weights, as a Bradley-Terry model would."""
    generator = np.random.default_rng(seed)
    one, two = generator.normal(size=(n, 2)), 100 + 30 * generator.normal(size=(n, 2))
    drive = first * (one[:, 0] - one[:, 1]) + second * (two[:, 0] - two[:, 1]) / 30
    people = np.where(generator.random(n) < 1 / (1 + np.exp(-drive)), 1.0, -1.0)
    return Scored("one", "reward", "1", one), Scored("two", "reward", "2", two), people


def rate(scored, people):
    return np.nanmean(agreement_of_margins(scored.margins, people))


def test_mixes_beat_their_parts_where_both_parts_count():
    one, two, people = simulated(1)
    prompts = [str(n // 3) for n in range(len(people))]
    mean, logistic = z_mean([one, two]), logistic_mix([one, two], people, prompts)
    assert rate(mean, people) > max(rate(one, people), rate(two, people)) + 0.03
    assert rate(logistic, people) > max(rate(one, people), rate(two, people)) + 0.03
    assert "folds:5-by-prompt" in logistic.signature


def test_logistic_mix_finds_the_weights_and_a_useless_part():
    one, two, people = simulated(2, n=20_000, second=0.0)
    mix = logistic_mix([one, two], people, [str(n) for n in range(len(people))])
    assert mix.details["weights"]["one"] == pytest.approx(1.0, abs=0.06)
    assert mix.details["weights"]["two"] == pytest.approx(0.0, abs=0.06)


def test_logistic_mix_learns_nothing_from_noise():
    generator = np.random.default_rng(3)
    one = Scored("one", "reward", "1", generator.normal(size=(600, 2)))
    two = Scored("two", "reward", "2", generator.normal(size=(600, 2)))
    people = np.sign(generator.normal(size=600))
    # One prompt holds twenty pairs: without whole prompts held out, their shared luck would leak.
    assert rate(logistic_mix([one, two], people, [str(n // 20) for n in range(600)]), people) < 0.56


@pytest.mark.parametrize("mix", ["one+three", "one", "one+one"])
def test_mixes_of_unknown_or_single_scores_are_refused(mix):
    one, two, _ = simulated(1, n=10)
    with pytest.raises(UserError, match="one, two"):
        parts_of_mix(mix, [one, two])


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([-1, 0, 1])), min_size=1, max_size=14))
def test_best_threshold_is_the_best_of_all(rows):
    margins = np.array([row[0] for row in rows], dtype=float)
    people = np.array([row[1] for row in rows], dtype=float)

    def right(threshold):
        said = np.where(np.abs(margins) <= threshold, 0, np.sign(margins))
        return (said == people).sum()

    found = best_threshold(margins, people)
    assert right(found) == max(right(threshold) for threshold in range(5))


def test_three_way_agreement_finds_the_threshold_of_people():
    generator = np.random.default_rng(4)
    margins = generator.normal(size=2_000)
    people = np.where(np.abs(margins) < 0.5, 0.0, np.sign(margins))
    outcome = three_way_agreement(margins, people, [str(n // 4) for n in range(2_000)])
    assert outcome.mean() > 0.99
    assert np.isnan(three_way_agreement(margins, people, ["one"] * 2_000)).all()


def test_annotators_by_hand():
    pairs = [
        pair("x", "y", votes=["a", "a", "a"]),
        pair("x", "y", votes=["a", "a", "b"]),  # each a meets one a and one b: undecided; b meets two a: wrong
        pair("x", "y", votes=["a", "tie"]),  # a meets a tie: left out; the tie meets a: half
        pair("x", "y", votes=["tie", "tie"]),
        pair("x", "y", votes=["a"]),
    ]
    found = annotator_agreement(pairs)
    assert found.with_others[:3].tolist() == [1.0, 0.0, 0.5]
    assert np.isnan(found.with_others[3:]).all()
    assert found.same_vote[:4].tolist() == pytest.approx([1.0, 1 / 3, 0.0, 1.0])
    assert people_signs([pair("x", "y", winner) for winner in ("a", "b", "tie")]).tolist() == [1, -1, 0]
