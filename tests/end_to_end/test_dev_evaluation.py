"""GRPO evaluates itself on held-out prompts: the best checkpoint is kept and exported, patience ends the run."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.end_to_end.training import PROMPTS, bleuberi, save_data, strict_lines, train_words
from tests.end_to_end.vowel_reward import Vowels

pytest.importorskip("trl")

TRAINED = 4  # completions per step; a call of the reward with another number is an evaluation


class Scripted(Vowels):
    """Vowels while training; on dev the values of the file `scripted`, one per evaluation. May stop its process."""

    name = "scripted"

    def __init__(self):
        self.calls = 0

    def signature(self):
        return "scripted|v:1"

    def __call__(self, *, prompts, responses, references):
        scores = super().__call__(prompts=prompts, responses=responses, references=references)
        if len(prompts) == TRAINED:
            self.calls += 1
            order = Path("stop_in_step")
            if order.exists() and int(order.read_text()) == self.calls:
                order.unlink()
                os.kill(os.getpid(), signal.SIGTERM)
            return scores
        if not Path("scripted").exists():
            return scores
        values = json.loads(Path("scripted").read_text())
        Path("scripted").write_text(json.dumps(values[1:]))
        return [values[0]] * len(scores)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_data(tmp_path)
    other = save_data(tmp_path / "other", [f"Name the colour {number}." for number in range(6)] + PROMPTS[:2])
    assert (other / "grpo").is_dir()
    return tmp_path


def words(data, model, output, *more, steps=6):
    words = train_words("grpo", data, model, output, "--max_steps", steps, "--save_steps", "100", "--sample_every", "0")
    return [*words, "--reward_funcs", "tests.end_to_end.test_dev_evaluation:Scripted", "--logging_steps", "1", *more]


DEV = ["--dev_prompts", "3", "--dev_dataset_path", "other/grpo", "--dev_every", "2"]


def steps(folder):
    lines = strict_lines(folder / "metrics.jsonl")
    return [{name: value for name, value in line.items() if "time" not in name} for line in lines if "loss" in line]


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_evaluations_change_nothing_in_the_training(data, tiny_model, capsys):
    assert bleuberi(*words(data, tiny_model, data / "with", *DEV)) == 0
    assert bleuberi(*words(data, tiny_model, data / "without")) == 0
    assert steps(data / "with") == steps(data / "without")
    entries = strict_lines(data / "with/dev.jsonl")
    assert [entry["step"] for entry in entries] == [0, 2, 4, 6]
    assert {entry["prompts"] for entry in entries} == {3}
    assert {entry["score_name"] for entry in entries} == {"rouge"}
    assert all(entry["reward"] == entry["rewards"]["scripted"] for entry in entries)
    assert all(0 <= entry[name] <= 1 for entry in entries for name in ("copied_share", "ended_share", "score"))
    assert all(1 <= entry["tokens"] <= 8 for entry in entries)
    assert len({entry["reward"] for entry in entries}) > 1, "the policy changed, its responses did not"
    assert "2 of 8 dev prompts are also in the training data; they are left out" in capsys.readouterr().err
    assert not (data / "without/dev.jsonl").exists()


@pytest.mark.parametrize("lora", ["true", "false"])
def test_the_best_checkpoint_is_kept_and_exported(data, tiny_model, lora):
    from safetensors.torch import load_file

    Path("scripted").write_text(json.dumps([0.5, 0.2, 0.4, 0.3]))  # of steps 0, 2, 4 and 6
    more = [*DEV, "--save_total_limit", "1", "--save_steps", "1", "--use_peft", lora, "--dev_score", "bleu"]
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 0
    made = manifest(data / "run")
    assert (made["steps"], made["dev"]["trained_steps"], made["dev"]["best"]["step"]) == (4, 6, 4)
    assert made["dev"]["start"]["reward"] == 0.5
    name = "adapter_model.safetensors" if lora == "true" else "model.safetensors"
    exported = load_file(data / "run/adapter" / name if lora == "true" else data / "run" / name)
    best, last = (load_file(data / f"run/checkpoint-{step}" / name) for step in (4, 6))
    assert exported.keys() == best.keys()
    assert all(exported[key].equal(best[key]) for key in best)
    assert not all(exported[key].equal(last[key]) for key in last)
    card = (data / "run/README.md").read_text()
    assert (
        "Training steps: 4, the best of 4 evaluations on 3 held-out dev prompts by reward (6 steps were made)" in card
    )
    assert bleuberi("report", data / "run", "--output_dir", data / "page", "--no_figures") == 0
    page = (data / "page/index.html").read_text() if (data / "page/index.html").exists() else ""
    page = page or next((data / "page").glob("*.html")).read_text()
    assert "The exported model is the checkpoint of step 4, the best of 4 evaluations on 3 dev prompts" in page
    assert "bleu on dev prompts, not trained on" in page


def test_patience_ends_the_run_which_is_then_finished(data, tiny_model, capsys):
    Path("scripted").write_text(json.dumps([0.1, 0.2, 0.4, 0.3, 0.3]))
    run = words(data, tiny_model, data / "run", *DEV, "--dev_patience", "2", steps=12)
    assert bleuberi(*run) == 0
    made = manifest(data / "run")
    assert (made["steps"], made["dev"]["trained_steps"], made["dev"]["evaluations"]) == (4, 8, 5)
    weights = (data / "run/model.safetensors").read_bytes()
    assert (data / "run/checkpoint-4/model.safetensors").read_bytes() == weights
    assert bleuberi(*run) == 0
    assert "was made by an equal request and is reused" in capsys.readouterr().err
    # Killed after the last step, before the model was written: nothing is trained again.
    (data / "run/manifest.json").unlink()
    (data / "run/model.safetensors").unlink()
    lines = (data / "run/metrics.jsonl").read_text().splitlines()[:8]
    assert bleuberi(*run) == 0
    assert (data / "run/model.safetensors").read_bytes() == weights
    assert (data / "run/metrics.jsonl").read_text().splitlines()[:8] == lines
    assert manifest(data / "run")["steps"] == 4


@pytest.mark.slow
def test_a_stopped_run_resumes_with_the_same_evaluations_and_the_same_model(data, tiny_model):
    more = [*DEV, "--enable_jit_checkpoint", "true", "--learning_rate", "1e-2"]
    assert bleuberi(*words(data, tiny_model, data / "whole", *more)) == 0
    Path("stop_in_step").write_text("3")
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 143
    assert not (data / "run/manifest.json").exists()
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 0
    assert (data / "run/dev.jsonl").read_bytes() == (data / "whole/dev.jsonl").read_bytes()
    assert steps(data / "run") == steps(data / "whole")
    assert (data / "run/model.safetensors").read_bytes() == (data / "whole/model.safetensors").read_bytes()
    assert manifest(data / "run")["dev"] == manifest(data / "whole")["dev"]


def test_rows_of_the_data_set_are_held_out(data, tiny_model):
    assert bleuberi(*words(data, tiny_model, data / "run", "--dev_prompts", "2", "--dev_every", "0.5")) == 0
    assert [entry["step"] for entry in strict_lines(data / "run/dev.jsonl")] == [0, 3, 6]
    assert manifest(data / "run")["rows_in"] == 6


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--dev_prompts", "5"], "dev_prompts 5 would hold out more than half of the 8 rows."),
        (["--dev_prompts", "-1"], "dev_prompts is -1."),
        (["--dev_patience", "2"], "dev_patience is set, but dev_prompts is 0."),
        (["--dev_prompts", "2", "--dev_every", "0"], "dev_every is 0.0."),
        (["--dev_prompts", "2", "--dev_best_by", "bleu"], "dev_best_by is 'bleu'."),
        (["--dev_prompts", "2", "--dev_dataset_path", "grpo"], "Every prompt of grpo is also in the training data."),
        (["--dev_prompts", "2", "--dev_dataset_path", "nowhere"], "Data set folder nowhere does not exist."),
        (["--dev_prompts", "2", "--reward_funcs", "bleu", "--dev_score", "bleu"], "dev_score bleu is also the reward."),
    ],
)  # fmt: skip
def test_mistakes_are_told_before_the_model_is_loaded(data, tiny_model, capsys, more, said):
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 2
    told = capsys.readouterr().err.strip().splitlines()[-2:]
    assert said in told[0]
    assert not (data / "run").exists()
