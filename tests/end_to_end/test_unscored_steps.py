"""A step whose completions cannot be scored teaches nothing, is logged as null, and the run continues."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.training import bleuberi, save_data, strict_lines, train_words
from tests.end_to_end.vowel_reward import Vowels

pytest.importorskip("trl")

STEPS = 4


class Unscored(Vowels):
    """Scores nothing in the steps that the file `unscored` names; there is a line for the value it gives instead."""

    name = "unscored"

    def __init__(self):
        self.calls = 0

    def signature(self):
        return "unscored|v:1"

    def __call__(self, *, prompts, responses, references):
        scores = super().__call__(prompts=prompts, responses=responses, references=references)
        order = json.loads(Path("unscored").read_text())
        if len(prompts) > 2:  # not the two samples
            self.calls += 1
        if Path("stop").exists() and self.calls == 2:
            Path("stop").unlink()
            os.kill(os.getpid(), signal.SIGTERM)
        value = {"none": None, "nan": float("nan"), "inf": float("inf")}[order["value"]]
        return [value] * len(scores) if self.calls in order["calls"] or not self.calls else scores


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save_data(tmp_path)


def words(data, model, *more):
    watched = ["--low_signal_gate", "true", "--monitor_window", "1", "--sample_every", "1", "--sample_prompts", "2"]
    reward = ["--reward_funcs", "tests.end_to_end.test_unscored_steps:Unscored"]
    return train_words("grpo", data, model, data / "run", "--max_steps", STEPS, *watched, *(more or reward))


def order(value, *calls):
    Path("unscored").write_text(json.dumps({"value": value, "calls": calls}))


def steps(data):
    return [entry for entry in strict_lines(data / "run/metrics.jsonl") if "train_runtime" not in entry]


@pytest.mark.parametrize("value", ["none", "nan", "inf"])
def test_steps_without_a_score_are_logged_as_such(data, tiny_model, capsys, value):
    order(value, 2, 3)
    assert bleuberi(*words(data, tiny_model)) == 0
    assert [entry["reward"] is None for entry in steps(data)] == [False, True, True, False]
    assert [entry["rewards/unscored/mean"] is None for entry in steps(data)] == [False, True, True, False]
    assert ["frac_low_signal" in entry for entry in steps(data)] == [True, False, False, True]
    assert "step 2   reward none   spread none   length" in capsys.readouterr().out
    samples = strict_lines(data / "run/completions.jsonl")
    assert [sample["scores"]["unscored"] is None for sample in samples][:2] == [True, True]
    assert (data / "run/manifest.json").is_file()
    assert bleuberi("report", data / "run", "--output_dir", data / "page", "--no_figures") == 0


def test_a_run_without_any_score_ends(data, tiny_model):
    order("none", *range(STEPS + 1))
    assert bleuberi(*words(data, tiny_model)) == 0
    assert [entry["reward"] for entry in steps(data)] == [None] * STEPS
    assert "| reward |" not in (data / "run/README.md").read_text()
    assert bleuberi("report", data / "run", "--output_dir", data / "page", "--no_figures") == 0


def test_one_of_two_rewards_scores_nothing(data, tiny_model):
    order("none", *range(STEPS + 1))
    rewards = ["tests.end_to_end.test_unscored_steps:Unscored", "tests.end_to_end.vowel_reward:Vowels"]
    both = ["--multi_objective_aggregation", "normalize_then_sum", "--reward_funcs", *rewards]
    assert bleuberi(*words(data, tiny_model, *both)) == 0
    assert all(entry["reward"] is not None for entry in steps(data))
    assert [entry["rewards/unscored/mean"] for entry in steps(data)] == [None] * STEPS


def test_a_run_resumes_behind_a_step_without_a_score(data, tiny_model):
    order("none", 1, 2)
    Path("stop").touch()
    more = ["--reward_funcs", "tests.end_to_end.test_unscored_steps:Unscored", "--enable_jit_checkpoint", "true"]
    assert bleuberi(*words(data, tiny_model, *more)) == 143
    order("none", 1)
    assert bleuberi(*words(data, tiny_model, *more)) == 0
    assert [entry["reward"] is None for entry in steps(data)] == [True, True, True, False]
