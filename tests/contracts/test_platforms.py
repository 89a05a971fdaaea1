"""Machines that we do not have: macOS with its bash 3.2 and its GPU, Windows without POSIX, an old Python."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SCRIPTS = [*sorted((ROOT / "training").glob("*.sh")), ROOT / "training/slurm/grpo.sbatch"]
NEWER = {
    r"\$\{\w+(,,?|\^\^?|@\w)\}|\b(mapfile|readarray|coproc)\b|(declare|local) -[An]|&>>|\|&|wait -n": "bash 4",
    r'(?<!\+)"\$\{\w+\[@\]\}"(?!\})': "an empty list is an error under set -u before bash 4.4",
}
WITHOUT_POSIX = """
import signal, sys
sys.modules["fcntl"] = None
for name in ("SIGHUP", "SIGKILL"):
    delattr(signal, name)
"""
APPLE_GPU = """
import sys, torch
torch.backends.mps.is_available = torch.backends.mps.is_built = lambda: True
torch.cuda.is_available, torch.cuda.device_count = lambda: False, lambda: 0
from bleuberi.cli.main import main
main()
"""

EIGHT_GPUS = """
from types import SimpleNamespace
import torch
torch.cuda.is_available = torch.cuda.is_bf16_supported = lambda *_: True
torch.cuda.device_count, torch.cuda.set_device = lambda: 8, lambda _: None
torch.cuda.get_device_properties = lambda _: SimpleNamespace(name="NVIDIA H100 80GB HBM3", total_memory=80 * 2**30)
from bleuberi.cli.main import main
main()
"""


def python(code, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_job_scripts_run_in_old_bash(script):
    code = "\n".join(line.split(" # ")[0] for line in script.read_text().splitlines() if not line.startswith("#"))
    always_filled = re.findall(r"(?m)^\s*(?:local )?(\w+)=\(.+\)", code)
    for pattern, reason in NEWER.items():
        found = [match[0] for match in re.finditer(pattern, code)]
        assert not [one for one in found if not any(f"{{{name}[" in one for name in always_filled)], reason


def test_rewards_need_no_posix():
    done = python(WITHOUT_POSIX + "import bleuberi.trl; from bleuberi.rewards import Bleu; print(Bleu().signature())")
    assert done.stdout.startswith("bleu|"), done.stderr


def test_windows_is_told_about_wsl():
    done = python("import sys; sys.platform = 'win32'; import bleuberi.cli.main")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "Error: the commands of bleuberi need Linux or macOS."
    assert "wsl --install" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_make_names_a_python_that_is_too_old(tmp_path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.6" && exit 0\nexit 1\n')
    old.chmod(0o755)
    command = ["make", "-s", "-f", ROOT / "Makefile", "install", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Error: {old} is Python 3.9.6; bleuberi needs Python 3.11 or newer." in done.stderr
    assert "make install PYTHON=python3.12" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.fixture
def run_words(tiny_model, tmp_path):
    pytest.importorskip("trl")
    from tests.end_to_end.training import SHORT, save_data

    data = save_data(tmp_path) / "grpo"
    words = ["--dataset_path", data, "--model_name_or_path", tiny_model, "--output_dir", tmp_path / "out"]
    return [*words, *SHORT["grpo"]]


@pytest.mark.slow
def test_a_macs_gpu_is_refused_in_two_lines(run_words):
    done = python(APPLE_GPU, "train", "grpo", "--config", "grpo_cpu", "--use_cpu", "false", *run_words)
    assert done.returncode == 2
    assert "Error: The run would use this Mac's GPU (MPS)" in done.stderr
    assert "--use_cpu true" in done.stderr.splitlines()[-1]
    done = python(APPLE_GPU, "doctor", "--config", "grpo_cpu", "--use_cpu", "false", *run_words)
    assert done.returncode == 2
    assert "a Mac's GPU (MPS) does not count" in " ".join(done.stdout.split())


@pytest.mark.slow
def test_a_mac_trains_on_its_cpu(run_words):
    done = python(APPLE_GPU, "doctor", "--config", "grpo_cpu", *run_words)
    assert "1 process on the CPU; this Mac's GPU (MPS) is not used" in " ".join(done.stdout.split())
    for_a_node = ["--config", "grpo_paper", "--gpu", "H100", "--processes", "8"]
    done = python(APPLE_GPU, "doctor", *for_a_node, *run_words)
    assert "MPS" not in done.stdout


@pytest.mark.slow
def test_the_doctor_of_a_job_on_eight_gpus_sees_all_of_them_and_accepts_one_process_each(run_words):
    words = ["doctor", "--config", "grpo_paper", "--planned_rows", "5000", *run_words, "--json"]
    done = python(EIGHT_GPUS, *words, "--processes", "8")
    found = {entry["topic"]: entry for entry in json.loads(done.stdout)["findings"]}
    assert (found["settings"]["verdict"], found["devices"]["verdict"]) == ("ok", "ok"), done.stdout
    assert found["devices"]["text"].startswith("8 of 8 GPUs: NVIDIA H100")
    assert (done.stdout + done.stderr).count("a step sees") == 1
    two_nodes = python(EIGHT_GPUS, *words, "--processes", "16", "--nodes", "2")
    found = {entry["topic"]: entry for entry in json.loads(two_nodes.stdout)["findings"]}
    assert found["devices"]["verdict"] == "ok"
    assert found["devices"]["text"].startswith("8 of 8 GPUs on each of 2 nodes: NVIDIA H100")
    assert "the config is for 16 GPUs, this machine has 8" in python(EIGHT_GPUS, *words, "--processes", "16").stdout
    alone = python(EIGHT_GPUS, *words)
    assert "8 GPUs are visible to one process" in alone.stdout
    assert alone.returncode == 2
