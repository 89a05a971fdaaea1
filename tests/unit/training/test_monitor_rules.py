"""When the monitor warns: at its limits, once, and not of what was so from the start."""

from bleuberi.training.watch.warnings import MonitorConfig, Watch

CONFIG = MonitorConfig(monitor_window=2)


def entries(name, *values):
    return [{"reward": 0.1, name: value} for value in values]


def told(history, config=CONFIG):
    """Step -> warnings."""
    watch = Watch(config)
    return {step: texts for step, entry in enumerate(history, start=1) if (texts := watch.read(entry))}


def test_a_reward_that_follows_length_is_told_after_one_window():
    assert told(entries("rewards/bleu/length_correlation", 1.0, 0.95, 1.0, 1.0)) == {
        2: ["the reward follows the length of the completions: rewards/bleu/length_correlation is 0.97, over 0.9"]
    }
    assert told(entries("rewards/bleu/length_correlation", 1.0, 0.7, 1.0, 0.7)) == {}


def test_copying_has_to_rise():
    assert told(entries("monitor/copied_share", 0.7, 0.7, 0.8, 0.7)) == {}
    warned = told(entries("monitor/copied_share", 0.1, 0.1, 0.5, 0.7, 0.8))
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
