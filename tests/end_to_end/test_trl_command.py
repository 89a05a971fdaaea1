"""TRL's own command line trains with our rewards."""

import json
import os
import subprocess
import sys

import pytest

from bleuberi.rewards import backend, load_reward
from tests.conftest import ROOT

pytest.importorskip("trl")


def test_rewards_are_attributes():
    import bleuberi.trl
    from bleuberi.trl import bleu

    assert bleu.signature() == load_reward("bleu").signature()
    assert bleuberi.trl.chrfpp.signature() == load_reward("chrf++").signature()
    with pytest.raises(AttributeError, match="Unknown reward or metric 'blue'"):
        _ = bleuberi.trl.blue
    assert not hasattr(bleuberi.trl, "__wrapped__")


@pytest.mark.parametrize(("ranks", "threads"), [("", 6), ("1", 6), ("2", 3), ("8", 1), ("0", 6), ("x", 6)])
def test_ranks_of_one_machine_share_its_cores(monkeypatch, ranks, threads):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    assert backend.available_threads() == threads


@pytest.mark.slow
def test_trl_grpo_trains_on_bleu(tiny_model, tmp_path):
    rows = [{"prompt": f"Say {n}.", "references": [f"{n}.", f"It is {n}."]} for n in range(8)]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["grpo", "--reward_funcs", "bleuberi.trl.bleu", "--dataset_name", str(tmp_path / "data")]
    words += ["--model_name_or_path", str(tiny_model), "--output_dir", str(tmp_path / "out"), "--max_steps", "1"]
    words += ["--use_cpu", "true", "--bf16", "false", "--report_to", "none", "--logging_steps", "1"]
    words += ["--per_device_train_batch_size", "2", "--num_generations", "2", "--max_completion_length", "8"]
    command = [sys.executable, "-c", "from trl.cli import main; main()", *words]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    state = json.loads((tmp_path / "out/checkpoint-1/trainer_state.json").read_text())
    assert any("rewards/bleu/mean" in entry for entry in state["log_history"])
