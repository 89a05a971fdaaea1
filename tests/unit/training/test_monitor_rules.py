"""When the monitor warns: at its limits, once, and neither of noise nor of what was so from the start."""

import random

import pytest

from bleuberi.training.config import MonitorConfig
from bleuberi.training.watch.warnings import Watch

CONFIG = MonitorConfig(monitor_window=2)


def entries(name, *values):
    return [{"reward": 0.1, name: value} for value in values]


def told(history, config=CONFIG):
    """Step -> warnings."""
    watch = Watch(config)
    found = {step: watch.read(entry, step) for step, entry in enumerate(history, start=1)}
    return {step: [warned.text for warned in warnings] for step, warnings in found.items() if warnings}


def test_a_reward_that_follows_length_is_told_after_one_window():
    assert told(entries("rewards/bleu/length_correlation", 1.0, 0.95, 1.0, 1.0)) == {
        2: ["the reward follows the length of the completions: rewards/bleu/length_correlation is 0.97, over 0.9"]
    }
    assert told(entries("rewards/bleu/length_correlation", 1.0, 0.7, 1.0, 0.7)) == {}


def test_a_limit_with_a_start_needs_a_rise():
    assert told(entries("monitor/repeated_share", 0.7, 0.7, 0.8, 0.7)) == {}
    warned = told(entries("monitor/repeated_share", 0.1, 0.1, 0.5, 0.7, 0.8))
    assert list(warned) == [4]
    assert warned[4][0].endswith("is 0.60, over 0.5, 0.10 at the start")


def test_each_metric_is_told_once():
    assert list(told(entries("frac_low_signal", 1.0, 1.0, 1.0, 0.0, 1.0, 1.0))) == [2]
    both = [{"rewards/a/copy_correlation": 1.0, "rewards/b/copy_correlation": 1.0}] * 3
    assert len(told(both)[2]) == 2


def test_entries_without_the_number_are_passed_over():
    history = [*entries("rewards/bleu/length_correlation", 1.0), {"reward": 0.1}, {"reward": 0.2}]
    history += entries("rewards/bleu/length_correlation", None, 1.0)
    assert list(told(history)) == [5]


def test_a_limit_of_one_never_warns():
    config = MonitorConfig(monitor_window=2, warn_low_signal=1.0)
    assert told(entries("frac_low_signal", 1.0, 1.0, 1.0), config) == {}


def noisy(means, seed, name="reward", deviation=0.05):
    draw = random.Random(seed)
    return [{name: draw.gauss(mean, deviation)} for mean in means]


STEPS = range(250)
ORDINARY = {
    "low": [0.1 for _ in STEPS],
    "middle": [0.2 for _ in STEPS],
    "high": [0.3 for _ in STEPS],
    "rising": [0.1 + 0.2 * step / 250 for step in STEPS],
    "rising, then level": [0.1 + 0.2 * min(1.0, step / 40) for step in STEPS],
}


@pytest.mark.parametrize("means", ORDINARY.values(), ids=ORDINARY)
def test_noise_in_the_reward_is_not_a_fall(means):
    """At most 2 % of runs of 250 steps whose steps vary by 0.05 may warn."""
    warned = sum(bool(told(noisy(means, seed), MonitorConfig())) for seed in range(150))
    assert warned <= 3


def fallen(step):
    """The mean reward of a run that peaked at 0.35 in step 11 and fell to 0.14 within nine steps."""
    return 0.15 + 0.2 * step / 11 if step < 11 else max(0.14, 0.35 - 0.21 * (step - 11) / 9)


@pytest.mark.parametrize(("deviation", "latest"), [(0.01, 20), (0.03, 23), (0.05, 45)])
def test_a_reward_that_falls_is_told_with_the_step_of_its_best(deviation, latest):
    in_time = 0
    for seed in range(40):
        watch = Watch(MonitorConfig())
        history = noisy([fallen(step) for step in range(1, 61)], seed, deviation=deviation)
        found = [(step, warned) for step, entry in enumerate(history, 1) for warned in watch.read(entry, step)]
        assert len(found) <= 1
        for step, warned in found:
            in_time += 14 <= step <= latest
            assert 6 <= warned.best_step <= 16
            assert warned.text.startswith("the reward has fallen: its mean is 0.")
            assert warned.text.endswith(f"around step {warned.best_step}")
    assert in_time >= 38


def test_a_reward_below_zero_falls_too():
    history = [{"reward": value} for value in (-2, -1, -1, -1, -1, -1, -3, -4, -4, -4, -4, -4)]
    assert told(history, MonitorConfig(monitor_window=5)) == {
        10: ["the reward has fallen: its mean is -3.2, and was -1 around step 4"]
    }


def copying(*pairs):
    return [{"monitor/copied_share": share, "monitor/reference_copied_share": own} for share, own in pairs]


def test_copying_more_than_the_references_is_told_once_it_has_risen():
    """As in a run whose copied share rose from 0.07 to 0.23, where the references have 0.11."""
    history = copying(*[(0.07, 0.11)] * 5, *[(0.07 + 0.01 * step, 0.11) for step in range(17)], *[(0.23, 0.11)] * 5)
    (step, (text,)), *more = told(history, MonitorConfig()).items()
    assert not more
    assert 22 <= step <= 27
    assert text.startswith("completions copy their prompts: monitor/copied_share is 0.1")
    assert "above that of the references, -0.04 at the start" in text


def test_prompts_that_are_to_be_copied_are_no_warning():
    assert told(copying(*[(0.1, 0.1)] * 20, *[(0.6, 0.6)] * 20), MonitorConfig()) == {}
    assert told(copying(*[(0.7, 0.2)] * 40), MonitorConfig()) == {}, "so from the start"


def test_completions_of_a_prompt_that_become_alike_are_told():
    history = entries("monitor/distinct_share", *[0.9] * 10, *[0.9 - 0.02 * step for step in range(40)])
    (step, (text,)), *more = told(history, MonitorConfig()).items()
    assert not more
    assert 30 <= step <= 40
    assert text.startswith("completions of a prompt have become alike: monitor/distinct_share is 0.4")
    assert text.endswith(", 0.90 at the start")


@pytest.mark.parametrize("name", ["monitor/copied_share", "monitor/distinct_share"])
@pytest.mark.parametrize("mean", [0.1, 0.5, 0.9])
def test_noise_in_what_completions_look_like_is_no_warning(name, mean):
    warned = sum(bool(told(noisy([mean] * 250, seed, name), MonitorConfig())) for seed in range(60))
    assert warned <= 1


def test_a_run_without_gradients_is_told_with_its_signs():
    dead = {"grad_norm": 0.0, "completions/clipped_ratio": 1.0, "frac_reward_zero_std": 1.0, "learning_rate": 1e-6}
    config = MonitorConfig(monitor_window=3, warn_clipped_share=1)
    assert told([{**dead, "grad_norm": 0.1}, *[dead] * 6], config) == {4: [
        "nothing is learned: grad_norm is 0 (every completion is cut off, the rewards of every group are equal)"
    ]}  # fmt: skip
    assert told([{"grad_norm": value} for value in (0.0, 0.0, 0.1, 0.0, 0.0, 0.1)], config) == {}


def test_a_learning_rate_of_zero_is_told_unless_it_is_the_end_of_a_schedule():
    rates = [{"grad_norm": 1.0, "learning_rate": rate} for rate in [0.0] * 8]
    assert told(rates, MonitorConfig(monitor_window=3)) == {6: ["nothing is learned: learning_rate is 0"]}
    decay = [{"grad_norm": 1.0, "learning_rate": max(0.0, 1 - step / 8)} for step in range(20)]
    assert told(decay, MonitorConfig(monitor_window=3)) == {}


def test_the_numbers_of_an_evaluation_are_not_those_of_the_training():
    assert told(entries("eval_frac_low_signal", *[1.0] * 5)) == {}


@pytest.mark.parametrize("limit", ["warn_reward_drop", "warn_copied_share", "warn_distinct_drop"])
def test_one_switches_a_change_off(limit):
    history = [
        {"reward": value, "monitor/copied_share": 1 - value, "monitor/distinct_share": value}
        for value in [1.0] * 10 + [0.0] * 10
    ]
    assert sum(map(len, told(history, MonitorConfig()).values())) == 3
    assert sum(map(len, told(history, MonitorConfig(**{limit: 1})).values())) == 2
