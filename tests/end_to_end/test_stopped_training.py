"""A training that ends before its last step is not finished: no manifest, an exit code, and the same words resume."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bleuberi.errors import UserError
from tests.end_to_end.training import bleuberi, save_data, strict_lines, train_words
from tests.end_to_end.vowel_reward import Vowels

pytest.importorskip("trl")

STEPS = 8


class StopsInStep(Vowels):
    """Sends SIGTERM to its own process, once, in the step that the file `stop_in_step` names."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *, prompts, responses, references):
        self.calls += 1
        order = Path("stop_in_step")
        if order.exists() and int(order.read_text()) == self.calls:
            order.unlink()
            os.kill(os.getpid(), signal.SIGTERM)
        if Path("slow").exists():
            time.sleep(1)
        return super().__call__(prompts=prompts, responses=responses, references=references)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save_data(tmp_path)


def words(data, model, output, *more):
    reward = "tests.end_to_end.test_stopped_training:StopsInStep"
    return train_words("grpo", data, model, output, "--max_steps", STEPS, "--save_steps", "100", "--sample_every", "0",
                       "--reward_funcs", reward, *more)  # fmt: skip


def unchanging(folder):
    """The logged steps without times."""
    return [
        {name: value for name, value in entry.items() if "time" not in name}
        for entry in strict_lines(folder / "metrics.jsonl")
        if "train_runtime" not in entry
    ]


def assert_unfinished(folder):
    assert not (folder / "manifest.json").exists(), "a stopped run was declared finished"
    assert not list(folder.glob("*.safetensors"))


def assert_as_undisturbed(resumed, whole):
    assert json.loads((resumed / "manifest.json").read_text())["steps"] == STEPS
    assert unchanging(resumed) == unchanging(whole)
    assert (resumed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_sigterm_with_jit_checkpoint_stops_behind_the_step_and_resumes_exactly(data, tiny_model, capsys):
    jit = ["--enable_jit_checkpoint", "true"]
    assert bleuberi(*words(data, tiny_model, data / "whole", *jit)) == 0
    Path("stop_in_step").write_text("3")
    Path("slow").touch()
    code = bleuberi(*words(data, tiny_model, data / "run", *jit))
    Path("slow").unlink()
    assert_unfinished(data / "run")
    assert code == 143
    assert capsys.readouterr().err.splitlines()[-1].startswith("Stopped. ")
    assert [path.name for path in (data / "run").glob("checkpoint-*")] == ["checkpoint-3"]
    assert (data / "run/checkpoint-3/complete.json").is_file()
    assert bleuberi(*words(data, tiny_model, data / "run", *jit)) == 0
    assert "Going on from" in capsys.readouterr().err
    assert_as_undisturbed(data / "run", data / "whole")


def test_a_jit_checkpoint_waits_for_the_end_of_a_generation(data, tiny_model):
    """A generation's completions serve two steps here; between them nothing could resume exactly."""
    more = ["--enable_jit_checkpoint", "true", "--steps_per_generation", "2", "--gradient_accumulation_steps", "1"]
    assert bleuberi(*words(data, tiny_model, data / "whole", *more)) == 0
    Path("stop_in_step").write_text("2")  # the second generation, for steps 3 and 4
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 143
    assert [path.name for path in (data / "run").glob("checkpoint-*")] == ["checkpoint-4"]
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 0
    assert_as_undisturbed(data / "run", data / "whole")


def test_sigterm_in_the_last_step_leaves_a_checkpoint_that_finishes(data, tiny_model):
    Path("stop_in_step").write_text(str(STEPS))
    jit = ["--enable_jit_checkpoint", "true"]
    assert bleuberi(*words(data, tiny_model, data / "run", *jit)) == 143
    assert_unfinished(data / "run")
    assert bleuberi(*words(data, tiny_model, data / "run", *jit)) == 0
    assert json.loads((data / "run/manifest.json").read_text())["steps"] == STEPS


@pytest.mark.slow
def test_an_sft_run_stops_and_resumes_too(data, tiny_model):
    more = ["--enable_jit_checkpoint", "true", "--save_strategy", "steps", "--save_steps", "5000"]
    run = train_words("sft", data, tiny_model, data / "run", *more, "--num_train_epochs", "100")
    log = data / "run/metrics.jsonl"

    def stop():
        while not log.is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    code = bleuberi(*run)
    assert_unfinished(data / "run")
    assert code == 143
    step = max(entry["step"] for entry in strict_lines(log))
    assert (data / f"run/checkpoint-{step}/complete.json").is_file()
    assert bleuberi(*run) == 0
    assert json.loads((data / "run/manifest.json").read_text())["steps"] == 400


@pytest.mark.parametrize("hook", ["on_step_end", "on_log"])
def test_a_callback_that_stops_the_run_leaves_it_unfinished(data, tiny_model, hook):
    from transformers import TrainerCallback

    from bleuberi.training.grpo import train_grpo
    from bleuberi.training.settings.read import read_settings

    def stop(self, args, state, control, **_):
        control.should_training_stop |= state.global_step == 3

    stopping = type("Stopping", (TrainerCallback,), {hook: stop})()
    argv = words(data, tiny_model, data / "run")[2:]
    with pytest.raises(UserError) as caught:
        train_grpo(read_settings("grpo", argv), [stopping])
    what = f"The training stopped after step 3 of {STEPS}, so {data / 'run'} is not a finished run."
    assert caught.value.what == what
    assert "same command" in caught.value.cure
    assert_unfinished(data / "run")
    assert (data / "run/checkpoint-3/complete.json").is_file()
    assert bleuberi("train", "grpo", *argv) == 0
    assert bleuberi(*words(data, tiny_model, data / "whole")) == 0
    assert_as_undisturbed(data / "run", data / "whole")


def test_data_that_fill_no_batch_are_refused(data, tiny_model, capsys):
    """The trainer would end such a run without a step, and without an error."""
    more = ["--per_device_train_batch_size", "16", "--dataloader_drop_last", "true", "--max_steps", "5"]
    code = bleuberi(*train_words("sft", data, tiny_model, data / "run", *more))
    assert_unfinished(data / "run")
    assert code == 2
    assert "has 8 usable pairs, fewer than the 16 of a batch" in capsys.readouterr().err


def test_checkpoints_that_could_not_be_resumed_from_are_refused(data, tiny_model, capsys):
    more = ["--enable_jit_checkpoint", "true", "--save_only_model", "true"]
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 2
    assert "save_only_model leaves out the files that resuming needs" in capsys.readouterr().err


def test_a_reference_model_that_changes_is_resumed_too(data, tiny_model):
    more = ["--enable_jit_checkpoint", "true", "--sync_ref_model", "true", "--beta", "0.1", "--learning_rate", "1e-2"]
    more += ["--ref_model_sync_steps", "2", "--ref_model_mixup_alpha", "0.5"]
    assert bleuberi(*words(data, tiny_model, data / "whole", *more)) == 0
    Path("stop_in_step").write_text("3")
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 143
    checkpoint = data / "run/checkpoint-3"
    reference, policy = checkpoint / "reference_model.safetensors", checkpoint / "model.safetensors"
    assert reference.read_bytes() not in (policy.read_bytes(), (tiny_model / "model.safetensors").read_bytes())
    assert bleuberi(*words(data, tiny_model, data / "run", *more)) == 0
    assert all(entry["kl"] > 0 for entry in unchanging(data / "run")[2:])
    assert_as_undisturbed(data / "run", data / "whole")
