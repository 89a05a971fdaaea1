"""One command trains SFT on the references and GRPO from its model; interrupted, the same command finishes both."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.end_to_end.training import bleuberi, save_data, train_words

pytest.importorskip("trl")


def words(data, model, output, *more):
    reward = ["--reward_funcs", "tests.end_to_end.vowel_reward:Vowels", "--sample_every", "0", "--max_steps", "2"]
    return train_words("grpo", data, model, output, *reward, *more)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sft.yaml").write_text(
        "learning_rate: 1.0e-2\nper_device_train_batch_size: 4\nmax_steps: 2\nbf16: false\nreport_to: none\n"
    )
    return save_data(tmp_path)


def test_grpo_starts_from_the_model_that_sft_left(data, tiny_model, capsys):
    run = words(data, tiny_model, data / "run", "--warm_start", "sft.yaml")
    assert bleuberi(*run) == 0
    first = json.loads((data / "run/warm_start/model/manifest.json").read_text())
    assert (first["steps"], first["rows_in"]) == (2, 8)
    made = json.loads((data / "run/manifest.json").read_text())
    assert made["warm_start_from"] == str(tiny_model)
    assert made["config"]["model_name_or_path"] == str(data / "run/warm_start/model")
    assert made["config"]["warm_start"] == "sft.yaml"

    plain = words(data, data / "run/warm_start/model", data / "two_commands")
    assert bleuberi(*plain) == 0
    weights = (data / "run/model.safetensors").read_bytes()
    assert (data / "two_commands/model.safetensors").read_bytes() == weights
    capsys.readouterr()
    assert bleuberi(*run) == 0
    told = capsys.readouterr().err
    assert told.count("was made by an equal request and is reused") == 2

    # Killed between the two: SFT is not repeated.
    (data / "run/manifest.json").unlink()
    for path in (data / "run").glob("checkpoint-*"):
        path.rename(data / f"away-{path.name}")
    assert bleuberi(*run) == 0
    assert capsys.readouterr().err.count("was made by an equal request and is reused") == 1
    assert (data / "run/model.safetensors").read_bytes() == weights


def test_a_config_that_is_not_of_sft_is_told(data, tiny_model, capsys):
    assert bleuberi(*words(data, tiny_model, data / "run", "--warm_start", "grpo_cpu")) == 2
    assert "which GRPO has and SFT has not" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_write_the_pairs_once_and_train_both(data, tiny_model):
    run = words(data, tiny_model, data / "run", "--warm_start", "sft.yaml")
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "GOMP_SPINCOUNT": "0"}
    done = subprocess.run(
        [*command, "-m", "bleuberi.cli.main", *run],
        cwd=data,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first = json.loads((data / "run/warm_start/model/manifest.json").read_text())
    made = json.loads((data / "run/manifest.json").read_text())
    assert (first["steps"], first["processes"], first["rows_in"]) == (2, 2, 8)
    assert (made["steps"], made["processes"], made["warm_start_from"]) == (2, 2, str(tiny_model))
