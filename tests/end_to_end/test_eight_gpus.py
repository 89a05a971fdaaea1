"""The job scripts on a node with eight GPUs, of which there are none: torch's counts and accelerate are stubbed.

What is real: the doctor, and eight engines that answer on the CPU. What is not: the training behind accelerate.
"""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.contracts.test_platforms import EIGHT_GPUS

pytest.importorskip("trl")
pytestmark = pytest.mark.slow

NODE = """#!/usr/bin/env bash
case "$*" in
    "-c import torch; print(torch.cuda.device_count())") echo 8 ;;
    "-m bleuberi.cli.main doctor"*) exec "$REAL" -c "$EIGHT_GPUS" "${@:3}" ;;
    "-m accelerate.commands.launch"*) echo "accelerate launch ${*:3}" ;;
    *) exec "$REAL" "$@" ;;
esac
"""
SMALL = ("--max_completion_length", "8", "--max_prompt_tokens", "400")


@pytest.fixture(scope="module")
def node(tiny_model, tmp_path_factory):
    """Runs a job script there; gives its exit code and what it printed."""
    folder = tmp_path_factory.mktemp("node")
    python = folder / "python"
    python.write_text(NODE)
    python.chmod(0o755)
    rows = sorted((ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines(), key=len)[:96]
    (folder / "pool.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    settings = {"MODEL": tiny_model, "POOL": folder / "pool.jsonl", "NUM_EXAMPLES": 80, "MAX_NEW_TOKENS": 8}
    settings |= {"DATA_DIR": folder / "data", "CKPT_DIR": folder / "models", "PYTHON": python, "REAL": sys.executable}
    settings |= {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7", "EIGHT_GPUS": EIGHT_GPUS, "PYTHONPATH": ROOT / "src"}

    def run(script, *words, **more):
        environment = {**os.environ, **{name: str(value) for name, value in (settings | more).items()}}
        command = ["bash", str(ROOT / "training" / script), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/", check=False)
        return done.returncode, done.stdout + done.stderr

    return folder, run


def launched(said):
    return next(line for line in said.splitlines() if line.startswith("accelerate launch"))


def test_all_gpus_answer_and_every_launch_has_one_process_per_gpu(node):
    folder, run = node
    code, said = run("grpo.sh", *SMALL, LAUNCH="zero3", RUN_NAME="first")
    assert code == 0, said[-3000:]
    assert said.index("Checking the job (bleuberi doctor)") < said.index("8 engines of 1 GPU each answer")
    assert "8 of 8 GPUs: NVIDIA H100" in " ".join(said.split())
    assert "one_node.yaml --num_processes 8" in launched(said)
    assert f"--deepspeed {folder}/models/first/deepspeed_zero3.json" in launched(said)
    for launch, words in {"plain": "one_node.yaml", "zero2": "deepspeed_zero2.json", "fsdp2": "fsdp2.yaml"}.items():
        code, said = run("grpo.sh", *SMALL, LAUNCH=launch, RUN_NAME=launch)
        assert code == 0, said[-3000:]
        assert "engines of 1 GPU" not in said, "the data are reused"
        assert words in launched(said)
        assert "--num_processes 8" in launched(said)
    second_node = {"NODES": 2, "NODE_RANK": 1, "MAIN_ADDRESS": "10.0.0.1"}
    code, said = run("grpo.sh", *SMALL, LAUNCH="zero3", RUN_NAME="two", **second_node)
    assert code == 0, said[-3000:]
    assert "--num_processes 16 --num_machines 2 --machine_rank 1 --main_process_ip 10.0.0.1" in launched(said)


def test_sft_trains_on_the_data_of_grpo(node):
    folder, run = node
    code, said = run("sft.sh", LAUNCH="zero3", RUN_NAME="sft")
    assert code == 0, said[-3000:]
    assert "train sft" in launched(said)
    assert "sft_paper.yaml" in launched(said)
    (data,) = (folder / "data/data_sft").glob("*_SFT")
    assert json.loads((data / "manifest.json").read_text())["rows_out"] == 80
