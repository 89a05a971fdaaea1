"""Two hosts that meet over a network: the job script on each, as for two nodes, and the bytes of one host's run.

The hosts are network namespaces: an address of its own each, nothing shared but the disk, as on a cluster.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("deepspeed")
pytest.importorskip("trl")

HOSTS = {"10.77.0.1": f"bleuberi-{os.getpid()}-a", "10.77.0.2": f"bleuberi-{os.getpid()}-b"}
WORDS = ["--use_peft", "false", "--max_completion_length", "8", "--max_prompt_tokens", "400", "--max_steps", "2"]
WORDS += ["--num_generations", "2", "--per_device_train_batch_size", "2", "--save_steps", "2"]


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def hosts():
    """Two hosts with a cable between them; gives what to put before a command that runs on one."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("making hosts needs iproute2 and root")
    first, second = HOSTS.values()
    if ip("netns", "add", first).returncode:
        pytest.skip("this machine allows no network namespaces")
    try:
        ip("netns", "add", second)
        ip("-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
        for address, name in HOSTS.items():
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for link in ("lo", "eth0"):
                assert ip("-n", name, "link", "set", link, "up").returncode == 0
        yield [["ip", "netns", "exec", name] for name in HOSTS.values()]
    finally:
        for name in HOSTS.values():
            ip("netns", "delete", name)


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


def test_two_hosts_train_what_two_processes_of_one_host_train(hosts, place):
    folder, environment = place
    finished(start(environment, NUM_GPUS="2", RUN_NAME="one_host"))
    shared = {"NODES": "2", "MAIN_ADDRESS": next(iter(HOSTS)), "RUN_NAME": "two_hosts", "GLOO_SOCKET_IFNAME": "eth0"}
    finished(*(start(environment, before, NODE_RANK=str(rank), **shared) for rank, before in enumerate(hosts)))
    one, two = folder / "models/one_host", folder / "models/two_hosts"
    made = json.loads((two / "manifest.json").read_text())
    assert (made["steps"], made["processes"]) == (2, 2)
    counters = json.loads(ip("-n", next(iter(HOSTS.values())), "-json", "-stats", "link", "show", "eth0").stdout)
    through_the_cable = counters[0]["stats64"]["rx"]["bytes"]
    assert through_the_cable > 1_000_000, "gradients and weights went another way"
    assert (two / "model.safetensors").read_bytes() == (one / "model.safetensors").read_bytes()
    lines = [[json.loads(line) for line in (run / "metrics.jsonl").open()] for run in (one, two)]
    assert [[line.get("loss"), line.get("reward")] for line in lines[0]] == [
        [line.get("loss"), line.get("reward")] for line in lines[1]
    ]
