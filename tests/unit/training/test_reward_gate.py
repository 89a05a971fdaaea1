"""The gate by itself: which groups say little, and what the trainer gets of them."""

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import Bleu
from bleuberi.training.settings.read import RunConfig
from bleuberi.training.watch.gate import RewardGate
from bleuberi.training.watch.groups import whole_groups
from bleuberi.training.watch.handover import Handover, Scored
from bleuberi.training.watch.monitor import RewardMonitor

GATE = RewardGate(active=True, spread=0.001, floor_share=0.1)


@pytest.mark.parametrize(
    ("scores", "floor", "is_low"),
    [
        ([0.2, 0.2005, 0.2, 0.2005], 0.0, True),
        ([0.2, 0.3, 0.2, 0.3], 0.0, False),
        ([0.02, 0.022, 0.02, 0.022], 0.02, True),  # 0.00115: above the first threshold, under a tenth of the floor
        ([0.02, 0.022, 0.02, 0.022], 0.01, False),
        ([0.2, None, None, None], 0.0, True),
        ([None, None], 0.0, None),
    ],
)
def test_which_groups_say_little(scores, floor, is_low):
    assert GATE.is_low(scores, [floor] * len(scores)) is is_low


def test_a_flat_group_counts_as_low_without_thresholds():
    off = RewardGate(active=True, spread=0.0, floor_share=0.0)
    assert off.is_low([0.3, 0.3], [0.1, 0.1])
    assert not off.is_low([0.3, 0.3 + 1e-9], [0.1, 0.1])


def test_what_the_trainer_gets():
    assert GATE.hand_over([0.2, None, 0.4], False) == [0.2, None, 0.4]
    assert GATE.hand_over([0.25, None, 0.75], True) == [0.5, None, 0.5]
    assert GATE.hand_over([None, None], None) == [None, None]
    assert RewardGate(False, 0.001, 0.1).hand_over([0.25, 0.75], True) == [0.25, 0.75]


def test_the_handover_gates_by_group_and_notes_what_it_saw():
    noted = []
    references = [["the cat sat on the mat"]] * 2 + [["a dog barked"]] * 2
    texts = ["the cat sat on the mat", "the cat", "zzz", "zzz"]
    scores = Bleu()(responses=texts, references=references)
    handover = Handover(GATE, RewardMonitor({9}), group_size=2)
    asked = Scored(["the cat sat?"] * 4, texts, references, [[1, 2, 9], [1, 9], [1], [1]], [*scores[:3], float("nan")])
    handed = handover(Bleu(), asked, lambda name, value: noted.append((name, value)))
    assert handed[:2] == scores[:2]
    assert handed[2:] == [pytest.approx(scores[2], rel=1e-6), None], "a NaN is a missing score"
    assert [value for name, value in noted if name == "frac_low_signal"] == [0.0, 1.0]
    assert [value for name, value in noted if name == "rewards/bleu/length_correlation"] == [pytest.approx(1.0)]
    assert dict(noted)["monitor/eos_share"] == 0.5
    assert [value for name, value in noted if name == "monitor/distinct_share"] == [1.0], "zzz has no 4-gram"
    # Its 4-grams "the cat sat on" and "cat sat on the" ... are not in the prompt; nor is "a dog barked".
    assert dict(noted)["monitor/reference_copied_share"] == 0.0
    assert {f"bleu/precision_{order}" for order in (1, 2, 3, 4)} | {"bleu/brevity_penalty"} <= dict(noted).keys()


def test_groups_that_do_not_come_out_even():
    assert whole_groups(list("abcd"), 2) == ([["a", "b"], ["c", "d"]], 0)
    with pytest.raises(UserError, match=r"^3 completions cannot be split into groups of 2\."):
        whole_groups(list("abc"), 2)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("low_signal_spread", -0.1, "low_signal_spread is -0.1"),
        ("low_signal_spread", float("nan"), "low_signal_spread is nan"),
        ("low_signal_floor_share", 1.5, "low_signal_floor_share is 1.5"),
        ("warn_correlation", 0.0, "warn_correlation is 0.0"),
        ("warn_copied_share", 1.2, "warn_copied_share is 1.2"),
        ("monitor_window", 0, "monitor_window is 0"),
        ("sample_every", -1, "sample_every is -1"),
        ("sample_prompts", 0, "sample_prompts is 0"),
    ],
)
def test_settings_out_of_range(field, value, said):
    with pytest.raises(UserError) as caught:
        RunConfig(**{field: value})
    assert caught.value.what.startswith(said)
    assert caught.value.cure.startswith("Give a ")
