"""Two processes under ZeRO-3 on gloo: train, kill, go on, and leave a plain model with tied weights."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytest.importorskip("deepspeed")
pytest.importorskip("trl")

# Everything is split, however small; the trainer fills every "auto".
ZERO_3 = {
    "zero_optimization": {
        "stage": 3,
        "stage3_param_persistence_threshold": 0,
        "stage3_gather_16bit_weights_on_model_save": True,
    },
    "gradient_clipping": "auto",
    "gradient_accumulation_steps": "auto",
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "zero_allow_untested_optimizer": True,
}
TORCHRUN = ["-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def start(place, output):
    work, tiny_model = place
    words = ["train", "grpo", "--config", "grpo_cpu", "--dataset_path", work / "data", "--output_dir", output]
    words += ["--model_name_or_path", tiny_model, "--use_peft", "false", "--deepspeed", work / "zero3.json"]
    words += ["--num_generations", "2", "--per_device_train_batch_size", "2", "--max_completion_length", "8"]
    words += ["--reward_funcs", "tests.end_to_end.vowel_reward:Vowels", "--max_steps", "4", "--save_steps", "2"]
    words += ["--dev_prompts", "3", "--dev_every", "2"]  # a number that two processes cannot share equally
    command = [sys.executable, *TORCHRUN, "-m", "bleuberi.cli.main", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "GOMP_SPINCOUNT": "0"}
    with (output.parent / f"{output.name}.log").open("a") as stream:
        return subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    from datasets import Dataset, DatasetDict

    work = tmp_path_factory.mktemp("two")
    (work / "zero3.json").write_text(json.dumps(ZERO_3))
    texts = ["Say yes.", "Name a fish.", "What is blue?", "Count to two.", "Go on.", "Who is it?", "When?", "Sing."]
    rows = [
        {"id": text, "messages": [{"role": "user", "content": text}], "prompt": text, "references": ["x"]}
        for text in texts
    ]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(work / "data"))
    return work, tiny_model


def kill_with_workers(launcher):
    """SIGKILL to torchrun's processes, then to itself: they would outlive it."""
    workers = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    for pid in map(int, workers):
        os.kill(pid, signal.SIGKILL)
    launcher.kill()
    launcher.wait()


def curve(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    return [[line["loss"], line["reward"], line["grad_norm"]] for line in lines if "loss" in line]


@pytest.mark.slow
def test_train_kill_go_on_and_export(place):
    from transformers import AutoModelForCausalLM

    work, tiny_model = place
    whole, killed = work / "whole", work / "killed"
    # The undisturbed run and the one to be killed run beside each other: most of their time is imports.
    undisturbed, victim = start(place, whole), start(place, killed)
    try:
        while victim.poll() is None and not (killed / "checkpoint-2/complete.json").is_file():
            time.sleep(0.01)
        assert victim.poll() is None, (work / "killed.log").read_text()[-3000:]
    finally:
        kill_with_workers(victim)
        undisturbed.wait()
    assert not (killed / "manifest.json").exists()
    assert undisturbed.returncode == 0, (work / "whole.log").read_text()[-3000:]
    assert start(place, killed).wait() == 0, (work / "killed.log").read_text()[-3000:]
    assert "Going on from" in (work / "killed.log").read_text()

    assert curve(killed) == curve(whole)
    assert len({loss for loss, _, _ in curve(whole)}) >= 3
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    model, before = (AutoModelForCausalLM.from_pretrained(folder) for folder in (killed, tiny_model))
    assert model.lm_head.weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()
    assert not model.get_input_embeddings().weight.equal(before.get_input_embeddings().weight)
    entries = [json.loads(line) for line in (whole / "dev.jsonl").open()]
    assert [(entry["step"], entry["prompts"]) for entry in entries] == [(0, 3), (2, 3), (4, 3)]
    assert (killed / "dev.jsonl").read_bytes() == (whole / "dev.jsonl").read_bytes()
    best = max(entries[1:], key=lambda entry: entry["reward"])
    assert json.loads((killed / "manifest.json").read_text())["steps"] == best["step"]
    shards = sorted(path.name for path in (killed / "checkpoint-4/global_step4").iterdir())
    assert len([name for name in shards if "optim_states" in name]) == 2
