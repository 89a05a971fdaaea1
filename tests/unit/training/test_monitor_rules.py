"""When the monitor warns: at its limits, once, and not of what was so from the start."""

from bleuberi.training.monitor_rules import MonitorConfig, new_warnings

CONFIG = MonitorConfig(monitor_window=2)


def entries(name, *values):
    return [{"reward": 0.1, name: value} for value in values]


def warned_at(history, config=CONFIG):
    return [step for step in range(1, len(history) + 1) if new_warnings(history[:step], config)]


def test_a_reward_that_follows_length_is_told_after_one_window():
    history = entries("rewards/bleu/length_correlation", 1.0, 0.95, 1.0, 1.0)
    assert warned_at(history) == [2]
    assert new_warnings(history[:2], CONFIG) == [
        "the reward follows the length of the completions: rewards/bleu/length_correlation is 0.97, over 0.9"
    ]
    assert warned_at(entries("rewards/bleu/length_correlation", 1.0, 0.7, 1.0, 0.7)) == []


def test_copying_has_to_rise():
    assert warned_at(entries("monitor/copied_share", 0.7, 0.7, 0.8, 0.7)) == []
    history = entries("monitor/copied_share", 0.1, 0.1, 0.5, 0.7, 0.8)
    assert warned_at(history) == [4]
    assert new_warnings(history[:4], CONFIG)[0].endswith("is 0.60, over 0.5, 0.10 at the start")


def test_a_warning_comes_again_after_it_has_cleared():
    assert warned_at(entries("frac_low_signal", 1.0, 1.0, 1.0, 0.0, 1.0, 1.0)) == [2, 6]


def test_entries_without_the_number_are_passed_over():
    history = [*entries("rewards/bleu/length_correlation", 1.0), {"reward": 0.1}, {"reward": 0.2}]
    history += entries("rewards/bleu/length_correlation", None, 1.0)
    assert warned_at(history) == [5]


def test_a_limit_of_one_never_warns():
    config = MonitorConfig(monitor_window=2, warn_low_signal=1.0)
    assert warned_at(entries("frac_low_signal", 1.0, 1.0, 1.0), config) == []
