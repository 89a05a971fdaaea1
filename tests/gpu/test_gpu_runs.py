"""A short real run of each GPU path, with a JSON to paste into an issue. `make test-gpu` runs it; it needs a GPU.

The model is the demo's of 135 million parameters. Every path is the command that a user types, in a process of its own.
"""

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import pytest

from bleuberi.artifacts import write_json
from tests.conftest import ROOT

torch = pytest.importorskip("torch")
GPUS = torch.cuda.device_count() if torch.cuda.is_available() else 0
pytestmark = pytest.mark.skipif(GPUS == 0, reason="there is no GPU that torch can use")

RESULT = ROOT / "runs/test_gpu.json"
STEP = [
    "--max_steps", "2", "--per_device_train_batch_size", "8", "--gradient_accumulation_steps", "1", "--save_strategy",
    "no", "--report_to", "none", "--logging_steps", "1", "--disable_tqdm", "true",
]  # fmt: skip
GRPO = ["--num_generations", "4", "--max_completion_length", "64", "--max_prompt_tokens", "256"]
LORA = ["--use_peft", "true", "--lora_target_modules", "all-linear", "--dtype", "bfloat16"]
VLLM = ["--use_vllm", "true", "--vllm_mode", "colocate", "--vllm_gpu_memory_utilization", "0.3"]
# path -> method, words, the package it needs beside torch, whether it goes through the launcher
PATHS = {
    "bf16, GRPO": ("grpo", [], None, False),
    "bf16, SFT": ("sft", [], None, False),
    "LoRA, GRPO": ("grpo", LORA, None, False),
    "vLLM colocate": ("grpo", VLLM, "vllm", True),
    "ZeRO-3": ("grpo", [], "deepspeed", True),
    "ZeRO-3, SFT": ("sft", [], "deepspeed", True),
}  # fmt: skip


def versions():
    found = {}
    for name in ("torch", "transformers", "trl", "accelerate", "peft", "deepspeed", "vllm", "bitsandbytes"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


@pytest.fixture(scope="session")
def record():
    """What every path did; printed and written at the end."""
    told = {
        "gpus": [torch.cuda.get_device_name(number) for number in range(GPUS)],
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "versions": versions(),
        "paths": {"QLoRA": "not done: the policy is never loaded quantised"},
    }
    yield told
    write_json(RESULT, told)
    print("\nPlease paste this into an issue:\n" + json.dumps(told, indent=2))


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Method -> data set, made by the front doors from the demo's pool."""
    folder = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "bleuberi.cli.main", "data"]
    words = ["--hf_dataset_path", str(ROOT / "src/bleuberi/demo/pool.jsonl"), "--ref_models", "gold"]
    words += ["--selection_mode", "random", "--num_examples", "64", "--output_dir", str(folder)]
    subprocess.run([*command, "grpo", *words, "--output_dataset_name", "d"], check=True)
    subprocess.run(
        [*command, "sft", "--input_data_path", f"{folder}/data_grpo/d", "--output_dir", str(folder)], check=True
    )
    return {"grpo": folder / "data_grpo/d", "sft": folder / "data_sft/d_SFT"}


def deepspeed_file(folder):
    script = f'ROOT="{ROOT}"; NUM_GPUS=1; PYTHON=true; source "$ROOT/training/job_settings.sh"; '
    subprocess.run(["bash", "-c", f'{script} write_deepspeed_config "{folder}/zero3"'], check=True)
    return ["--deepspeed", str(next((folder / "zero3").glob("*.json"), folder / "zero3"))]


@pytest.mark.parametrize("path", PATHS)
def test_a_short_run(path, record, data, tmp_path):
    from bleuberi.demo.model import demo_model_folder

    method, extra, package, launched = PATHS[path]
    if package is not None and find_spec(package) is None:
        record["paths"][path] = f"skipped: {package} is not installed"
        pytest.skip(f"{package} is not installed")
    words = ["train", method, "--config", f"{method}_paper", "--model_name_or_path", str(demo_model_folder())]
    words += ["--dataset_path", str(data[method]), "--output_dir", str(tmp_path / "out"), *STEP, *extra]
    words += GRPO if method == "grpo" else []
    words += deepspeed_file(tmp_path) if package == "deepspeed" else []
    launcher = ["-m", "accelerate.commands.launch", "--num_processes", str(GPUS if package == "deepspeed" else 1)]
    launcher += ["--num_machines", "1", "--mixed_precision", "bf16", "--module"]
    command = [sys.executable, *(launcher if launched else ["-m"]), "bleuberi.cli.main", *words]
    one = os.environ if package == "deepspeed" else {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=one)
    seconds = time.perf_counter() - began
    told = {"ok": done.returncode == 0, "seconds": round(seconds, 1)}
    metrics = tmp_path / "out/metrics.jsonl"
    if metrics.is_file():
        told["steps"] = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    if done.returncode:
        told["error"] = done.stderr[-2000:]
    record["paths"][path] = told
    assert done.returncode == 0, done.stderr[-4000:]
    assert (tmp_path / "out/manifest.json").is_file()
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_what_the_doctor_estimated_for_this_gpu(record, data, tmp_path):
    """The estimate beside the measured peak, for one path: this is how estimates get better."""
    from bleuberi.demo.model import demo_model_folder

    words = ["--config", "grpo_paper", "--model_name_or_path", str(demo_model_folder()), "--dataset_path"]
    words += [str(data["grpo"]), "--output_dir", str(tmp_path / "out"), *STEP, *GRPO]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0"}
    doctor = [sys.executable, "-m", "bleuberi.cli.main", "doctor", *words, "--json"]
    told = json.loads(subprocess.run(doctor, capture_output=True, text=True, env=environment).stdout)
    code = "import sys, torch; from bleuberi.cli.train import grpo; grpo(sys.argv[1:]); "
    code += "print('PEAK', torch.cuda.max_memory_reserved())"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    peak = int(done.stdout.rpartition("PEAK ")[2])
    estimate = told["numbers"]["memory_estimate"]
    record["doctor"] = {"estimated_bytes": estimate["peak"] - estimate["static"]["process"], "measured_bytes": peak}
    assert 0.3 < record["doctor"]["estimated_bytes"] / peak < 3
