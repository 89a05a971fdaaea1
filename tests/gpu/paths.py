"""The GPU paths, each the command that a user types; what came of it is a dictionary for the table."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # tests.conftest needs pytest, which a bare machine lacks
STEPS = 6
STEP = ["--max_steps", STEPS, "--per_device_train_batch_size", 8, "--gradient_accumulation_steps", 1, "--report_to",
        "none", "--logging_steps", 1, "--disable_tqdm", "true"]  # fmt: skip
GRPO = ["--num_generations", 4, "--max_completion_length", 64, "--max_prompt_tokens", 256, "--sample_every", 0]
LORA = ["--use_peft", "true", "--lora_target_modules", "all-linear", "--dtype", "bfloat16"]
VLLM = ["--use_vllm", "true", "--vllm_mode", "colocate", "--vllm_gpu_memory_utilization", 0.3]
QLORA = ["--use_peft", "true", "--lora_target_modules", "all-linear", "--load_in_4bit", "true", "--bnb_4bit_quant_type",
         "nf4"]  # fmt: skip
# path -> method, words, the package it needs beside torch, words of the launcher (None: no launcher)
PATHS = {
    "GRPO, all weights, bf16": ("grpo", [], None, None),
    "SFT, all weights, bf16": ("sft", [], None, None),
    "GRPO, LoRA": ("grpo", LORA, "peft", None),
    "SFT, LoRA": ("sft", LORA, "peft", None),
    "GRPO, QLoRA": ("grpo", QLORA, "bitsandbytes", None),
    "GRPO, vLLM colocate": ("grpo", VLLM, "vllm", ["one_node"]),
    "GRPO, LoRA, vLLM colocate": ("grpo", [*LORA, *VLLM], "vllm", ["one_node"]),
    "SFT, FSDP2": ("sft", [], None, ["fsdp2"]),
    "SFT, FSDP2, LoRA": ("sft", LORA, "peft", ["fsdp2"]),
    "GRPO, ZeRO-3": ("grpo", ["--deepspeed", "zero3"], "deepspeed", ["one_node"]),
}  # fmt: skip


class Bench:
    """What every path is run with."""

    def __init__(self, folder, model, *, cpu=False, steps=STEPS):
        self.folder, self.model, self.cpu, self.steps = Path(folder), str(model), cpu, steps
        self.environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "" if cpu else "0", "HF_HUB_OFFLINE": "1"}
        self.environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, sys.path)])

    def data(self):
        """Make the data sets of both methods with the front doors, from the demo's pool."""
        words = ["--hf_dataset_path", ROOT / "src/bleuberi/demo/pool.jsonl", "--ref_models", "gold", "--selection_mode"]
        words += ["random", "--num_examples", 64, "--output_dir", self.folder]
        self._call(["data", "grpo", *words, "--output_dataset_name", "d"])
        self._call(["data", "sft", "--input_data_path", self.folder / "data_grpo/d", "--output_dir", self.folder])

    def words(self, method, output, *more):
        """The words of one training."""
        data = self.folder / ("data_grpo/d" if method == "grpo" else "data_sft/d_SFT")
        words = ["--config", f"{method}_paper", "--model_name_or_path", self.model, "--dataset_path", data]
        words += ["--output_dir", output, *STEP, "--max_steps", self.steps, *(GRPO if method == "grpo" else [])]
        return [str(word) for word in [*words, *(["--use_cpu", "true", "--bf16", "false"] if self.cpu else []), *more]]

    def start(self, method, output, *more, launch=None):
        """The process of a training."""
        launcher = ["-m"]
        if launch is not None:
            file = ROOT / f"src/bleuberi/training/launch/{launch[0]}.yaml"
            launcher = [
                "-m",
                "accelerate.commands.launch",
                "--config_file",
                str(file),
                "--num_processes",
                "1",
                "--module",
            ]
        command = [sys.executable, *launcher, "tests.gpu.measured", f"{output}.peak", "train", method]
        command += self.words(method, output, *more)
        with Path(f"{output}.log").open("a", encoding="utf-8") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=self.environment, cwd=ROOT)

    def estimate(self, method, output, *more):
        """The doctor's numbers for the same words; empty if it refuses them."""
        done = self._call(["doctor", *self.words(method, output, *more), "--json"], check=False)
        return json.loads(done.stdout)["numbers"] if done.stdout.startswith("{") else {}

    def _call(self, words, check=True):
        command = [sys.executable, "-m", "bleuberi.cli.main", *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment, cwd=ROOT, check=check)


def lines(output):
    path = Path(output) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def short_run(bench, name, spec):
    """One path: seconds, step time, tokens per second and peak memory beside the doctor's estimates."""
    method, more, package, launch = spec
    if package is not None and find_spec(package) is None:
        return {"ok": None, "why": f"{package} is not installed"}
    output = bench.folder / name.replace(", ", "_").replace(" ", "_")
    began = time.perf_counter()
    code = bench.start(method, output, "--save_strategy", "no", *more, launch=launch).wait()
    told = {"ok": code == 0 and (output / "manifest.json").is_file(), "seconds": time.perf_counter() - began}
    if not told["ok"]:
        return {**told, "why": Path(f"{output}.log").read_text(encoding="utf-8")[-2000:]}
    told["loss"] = [line["loss"] for line in lines(output) if "loss" in line]
    told |= _speed(lines(output)) | {"peak_bytes": json.loads(Path(f"{output}.peak").read_text())["peak"]}
    numbers = bench.estimate(method, output, *more)
    if "memory_estimate" in numbers:
        estimate = numbers["memory_estimate"]
        told["peak_bytes_estimate"] = estimate["peak"] - estimate["static"].get("process", 0)
    told["seconds_per_step_estimate"] = numbers.get("seconds_per_step_estimate")
    if (output / "adapter").is_dir():
        told["export_off_by"] = export_off_by(output, bench.model)
        told["ok"] = told["export_off_by"] < 0.01
    return told


def _speed(entries):
    """Of the steps after the first, which also warms up."""
    steps = [line for line in entries if "loss" in line and "step_time" in line]
    if len(steps) > 1:
        seconds = sum(line["step_time"] for line in steps[1:])
        tokens = steps[-1]["num_tokens"] - steps[0]["num_tokens"]
        return {"seconds_per_step": seconds / len(steps[1:]), "tokens_per_second": tokens / seconds}
    whole = next((line for line in entries if "train_runtime" in line), None)
    counted = [line["num_tokens"] for line in entries if "num_tokens" in line]
    if whole is None or not counted:
        return {}
    seconds = whole["train_runtime"]
    return {"seconds_per_step": seconds / whole["step"], "tokens_per_second": counted[-1] / seconds}


def export_off_by(output, base):
    """|exported - (base + adapter)| / |adapter| over all weights, in float32."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    exported = AutoModelForCausalLM.from_pretrained(output, dtype=torch.float32).state_dict()
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    before = {name: weight.clone() for name, weight in plain.state_dict().items()}
    tuned = PeftModel.from_pretrained(plain, str(Path(output) / "adapter"))
    learnt = {
        name.removeprefix("base_model.model.") + ".weight": layer.get_delta_weight("default").detach().float()
        for name, layer in tuned.named_modules()
        if hasattr(layer, "get_delta_weight")
    }
    nothing = torch.zeros(())
    off = sum(float((exported[name] - before[name] - learnt.get(name, nothing)).pow(2).sum()) for name in before)
    return (off / sum(float(part.pow(2).sum()) for part in learnt.values())) ** 0.5


def stopped_and_resumed(bench, how):
    """Kill a GRPO run with LoRA when it has a checkpoint (`how`: SIGKILL or SIGTERM), resume it, and compare."""
    more = [*LORA, "--save_strategy", "steps", "--save_steps", "2", "--num_iterations", "1"]
    more += ["--enable_jit_checkpoint", "true"] if how is signal.SIGTERM else []
    whole, run = bench.folder / f"whole_{how.name}", bench.folder / f"run_{how.name}"
    if bench.start("grpo", whole, *more).wait():
        return {"ok": False, "why": Path(f"{whole}.log").read_text(encoding="utf-8")[-2000:]}
    process = bench.start("grpo", run, *more)
    while process.poll() is None and not list(run.glob("checkpoint-*/complete.json")):
        time.sleep(0.02)
    process.send_signal(how)
    code, logged = process.wait(), len(lines(run))
    finished = (run / "manifest.json").is_file()
    again = bench.start("grpo", run, *more).wait()
    if again:
        return {"ok": False, "why": Path(f"{run}.log").read_text(encoding="utf-8")[-2000:]}
    pairs = [
        abs(one["loss"] - other["loss"])
        for one, other in zip(lines(whole), lines(run), strict=False)
        if "loss" in one and "loss" in other
    ]
    same = (whole / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    return {"ok": len(pairs) == bench.steps and not finished, "exit_code": code, "log_entries_at_the_stop": logged,
            "same_weights": same, "largest_loss_difference": max(pairs)}  # fmt: skip
