"""Two hosts that meet over a network: the job script on each, as for two nodes, and the bytes of one host's run."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.hosts import joined_hosts

pytest.importorskip("deepspeed")
pytest.importorskip("trl")

WORDS = ["--use_peft", "false", "--max_completion_length", "8", "--max_prompt_tokens", "400", "--max_steps", "2"]
WORDS += ["--num_generations", "2", "--per_device_train_batch_size", "2", "--save_steps", "2"]


@pytest.fixture(scope="module")
def hosts():
    with joined_hosts() as made:
        yield made


@pytest.fixture(scope="module")
def place(tiny_model, tmp_path_factory):
    """The environment of a small job, its data set made, as the first of two nodes would."""
    folder = tmp_path_factory.mktemp("hosts")
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "pool.jsonl").write_text("\n".join(sorted(lines, key=len)[:12]) + "\n", encoding="utf-8")
    settings = {
        "MODEL": tiny_model, "POOL": folder / "pool.jsonl", "NUM_EXAMPLES": 8, "MAX_NEW_TOKENS": 8, "NUM_GPUS": 1,
        "SELECTION_MODE": "random", "DATASET_NAME": "shared", "DATA_DIR": folder / "data",
        "CKPT_DIR": folder / "models", "CONFIG": ROOT / "training/configs/grpo_cpu.yaml", "PYTHON": sys.executable,
        "LAUNCH": "zero3", "GOMP_SPINCOUNT": 0, "PYTHONPATH": ROOT / "src",
    }  # fmt: skip
    environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
    return folder, environment


def start(environment, before=(), **settings):
    command = [*before, "bash", str(ROOT / "training/grpo.sh"), *WORDS]
    return subprocess.Popen(
        command, env={**environment, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )


def finished(*jobs):
    for job, said in [(job, job.communicate(timeout=400)[0]) for job in jobs]:
        assert job.returncode == 0, said[-4000:]


@pytest.mark.slow
def test_two_hosts_train_what_two_processes_of_one_host_train(hosts, place):
    folder, environment = place
    finished(start(environment, NUM_GPUS="2", RUN_NAME="one_host"))
    shared = {"NODES": "2", "MAIN_ADDRESS": hosts[0].address, "RUN_NAME": "two_hosts", "GLOO_SOCKET_IFNAME": "eth0"}
    finished(*(start(environment, host.before, NODE_RANK=str(rank), **shared) for rank, host in enumerate(hosts)))
    one, two = folder / "models/one_host", folder / "models/two_hosts"
    made = json.loads((two / "manifest.json").read_text())
    assert (made["steps"], made["processes"]) == (2, 2)
    through_the_cable = hosts[0].received_bytes()
    assert through_the_cable > 1_000_000, "gradients and weights went another way"
    assert (two / "model.safetensors").read_bytes() == (one / "model.safetensors").read_bytes()
    lines = [[json.loads(line) for line in (run / "metrics.jsonl").open()] for run in (one, two)]
    assert [[line.get("loss"), line.get("reward")] for line in lines[0]] == [
        [line.get("loss"), line.get("reward")] for line in lines[1]
    ]
