"""Which rewards a cluster scores, without one."""

import pytest

from bleuberi.cluster.options import ClusterOptions
from bleuberi.rewards import load_reward
from bleuberi.rewards.bleu_rm import BleuRm
from bleuberi.rewards.on_cluster import ClusterReward, load_reward_on


class Own:
    """A reward of someone's own, with the two things that a reward needs."""

    name = "own"

    def signature(self):
        return "own|v:1"

    def __call__(self, *, prompts, responses, references):
        return [0.0 for _ in responses]


@pytest.mark.parametrize("metric", ["bleu", "rouge", "rm:http://localhost:9", "answer:bleu"])
def test_a_reward_on_the_cluster_is_the_same_reward(metric):
    here, there = load_reward(metric), load_reward_on(metric, ClusterOptions())
    assert isinstance(there, ClusterReward)
    for name in ("name", "needs_references", "needs_prompts"):
        assert getattr(there, name) == getattr(here, name)
    assert there.signature() == here.signature()
    assert there(prompts=[], responses=[], references=[]) == []  # no cluster is started for nothing


def test_without_a_cluster_and_for_own_rewards_this_process_scores():
    assert not isinstance(load_reward_on("bleu", None), ClusterReward)
    assert isinstance(load_reward_on(f"{__name__}:Own", ClusterOptions()), Own)


def test_of_a_mean_over_the_pool_the_model_alone_is_spread():
    there = load_reward_on("bleu_rm:http://localhost:9", ClusterOptions())
    assert isinstance(there, BleuRm)
    assert [type(part).__name__ for part in there.parts] == ["Bleu", "ClusterReward"]
    assert there.signature() == load_reward("bleu_rm:http://localhost:9").signature()
