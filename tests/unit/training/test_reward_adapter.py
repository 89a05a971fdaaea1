"""The adapter gives a reward what TRL has: plain and conversational completions, and every column besides."""

import pickle

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, load_reward
from bleuberi.training.watch.reward import TrlReward, last_user_text

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "First?"},
    {"role": "assistant", "content": "One."},
    {"role": "user", "content": "Second?"},
]
REFERENCES = [["the cat sat on the mat"], ["a dog barked", "the dog barked loudly"]]
TEXTS = ["the cat sat on a mat", "a dog barked loudly"]


class Listening:
    """A reward that keeps what it was asked."""

    name = "listening"

    def __call__(self, *, prompts, responses, references):
        self.asked = {"prompts": prompts, "responses": responses, "references": references}
        return [None, 1.0]

    def signature(self):
        return "listening|v:1"


@pytest.mark.parametrize("name", ["bleu", "rouge", "bleu_rouge_f1"])
@pytest.mark.parametrize("conversational", [True, False])
def test_the_numbers_are_the_rewards_own(name, conversational):
    reward = load_reward(name)
    completions = [[{"role": "assistant", "content": text}] for text in TEXTS] if conversational else TEXTS
    scores = TrlReward(reward)(
        prompts=[TALK, TALK] if conversational else ["First?", "Second?"],
        completions=completions,
        references=REFERENCES,
        example_id=["a", "b"],
        completion_ids=[[1], [2]],
        trainer_state=object(),
        log_extra=print,
    )
    assert scores == reward(prompts=["", ""], responses=TEXTS, references=REFERENCES)
    assert all(0 < score < 1 for score in scores)


def test_a_reward_is_asked_texts():
    reward = Listening()
    scores = TrlReward(reward)(
        prompts=[TALK, "plain"], completions=[[{"role": "assistant", "content": "A"}], "B"], references=REFERENCES
    )
    assert reward.asked == {"prompts": ["Second?", "plain"], "responses": ["A", "B"], "references": REFERENCES}
    assert scores == [None, 1.0]


def test_trl_logs_under_the_rewards_name_and_can_send_it_to_other_processes():
    adapter = pickle.loads(pickle.dumps(TrlReward(Bleu())))
    assert adapter.__name__ == "bleu"
    assert adapter(prompts=["p"], completions=["a b"], references=[["a b"]]) == Bleu()(
        responses=["a b"], references=[["a b"]]
    )


def test_letters_are_not_references():
    with pytest.raises(UserError, match="The references in row 0 are not a list of strings"):
        TrlReward(Bleu())(prompts=["p"], completions=["a"], references=["a reference"])


def test_the_last_user_turn():
    assert last_user_text(TALK) == "Second?"
    assert last_user_text(TALK[:1]) == ""


def test_a_mean_over_a_pool_goes_to_the_trainer_as_its_parts():
    from bleuberi.errors import UserError
    from bleuberi.rewards import Bleu, RougeL
    from bleuberi.rewards.bleu_rm import BleuRm
    from bleuberi.training.watch.reward import trainable_rewards

    mixed = BleuRm(RougeL())  # any second reward will do; none is called here
    names = [reward.name for reward in trainable_rewards([mixed, Bleu()], "normalize_then_sum")]
    assert names == ["bleu", "rouge", "bleu"]
    with pytest.raises(UserError, match="--multi_objective_aggregation normalize_then_sum"):
        trainable_rewards([mixed], "sum_then_normalize")
