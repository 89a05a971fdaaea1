"""BLEU in parts: they make up the score, and the floor is what a response gets that matches nothing."""

import math

import pytest

from bleuberi.rewards import Bleu
from bleuberi.rewards.bleu import BleuClosest, BleuPlainUnigrams, BleuShortF1
from bleuberi.rewards.explanation import explain

REFERENCES = ["the cat sat on the mat", "a cat was sitting on the old mat"]
TEXTS = ["the cat sat on a mat", "the cat", "dogs bark very loudly today", "the cat sat on the mat and more words here"]


@pytest.mark.parametrize("reward", [Bleu(), BleuClosest()])
def test_the_parts_make_up_the_score(reward):
    scores = reward(responses=TEXTS, references=[REFERENCES] * len(TEXTS))
    for score, part in zip(scores, reward.parts(TEXTS, [REFERENCES] * len(TEXTS)), strict=True):
        mean = math.exp(sum(map(math.log, part.precisions)) / 4)
        assert mean * part.brevity_penalty == pytest.approx(score, abs=1e-12)
        assert part.smoothing_share == pytest.approx(part.floor / score)


def test_the_parts_are_those_of_the_explanation():
    for text, part in zip(TEXTS, Bleu().parts(TEXTS, [REFERENCES] * len(TEXTS)), strict=True):
        told = explain(text, REFERENCES)
        assert part.precisions == pytest.approx([order.precision for order in told.orders])
        assert part.brevity_penalty == pytest.approx(told.brevity_penalty)


def test_the_floor_is_the_score_of_as_many_strange_words():
    strange = [" ".join(f"zz{number}" for number in range(len(text.split()))) for text in TEXTS]
    floors = [part.floor for part in Bleu().parts(TEXTS, [REFERENCES] * len(TEXTS))]
    assert floors == pytest.approx(Bleu()(responses=strange, references=[REFERENCES] * len(TEXTS)), abs=1e-12)
    assert Bleu().parts(strange[:1], [REFERENCES])[0].smoothing_share == pytest.approx(1.0)
    assert BleuPlainUnigrams().parts(TEXTS[:1], [REFERENCES])[0].floor == 0.0


def test_no_parts_where_there_is_no_bleu():
    assert Bleu().parts(["", "the cat", "the cat"], [REFERENCES, [], [" "]]) == [None, None, None]
    assert BleuShortF1().parts(["yes", "the cat"], [["no"], REFERENCES])[0] is None
    assert BleuShortF1().parts(["yes", "the cat"], [["no"], REFERENCES])[1] is not None
