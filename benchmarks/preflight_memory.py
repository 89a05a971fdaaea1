"""Does the doctor's memory estimate hold? One real step of each setting, its peak against the estimate.

Each step runs in a process of its own; its peak is the operating system's (ru_maxrss). Prompts have one length and
completions are forced to theirs, so that both sides speak of the same batch. Give it a model folder:

    python benchmarks/preflight_memory.py ~/.cache/bleuberi/models/SmolLM2-135M-Instruct
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SETTINGS = {
    "LoRA, 16 x 48 tokens": [],
    "LoRA, 16 x 48, checkpointing": ["--gradient_checkpointing", "true"],
    "LoRA, 4 x 160 tokens": ["--per_device_train_batch_size", "4", "--max_completion_length", "160"],
    "all weights, 8 x 32 tokens, KL": [
        "--use_peft", "false", "--beta", "0.04", "--per_device_train_batch_size", "8", "--max_completion_length", "32",
    ],
}  # fmt: skip


def write_data(folder: Path) -> Path:
    """A GRPO data set of one prompt, many times."""
    from datasets import Dataset, DatasetDict

    text = "Explain in a few plain sentences how a sailing boat can go against the wind. " * 4
    row = {"messages": [{"role": "user", "content": text}], "prompt": text, "references": ["It tacks."], "source": "x"}
    rows = [{"id": f"r{number}", "ground_truth": "It tacks.", **row} for number in range(16)]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(folder / "data"))
    return folder / "data"


def words_of(model: Path, data: Path, out: Path, setting: list[str]) -> list[str]:
    """The words of `bleuberi train grpo`."""
    words = [
        "--config",
        "grpo_cpu",
        "--model_name_or_path",
        str(model),
        "--dataset_path",
        str(data),
        "--max_steps",
        "1",
    ]
    words += ["--output_dir", str(out), "--save_strategy", "no", "--disable_tqdm", "true", *setting]
    length = dict(zip(setting[::2], setting[1::2], strict=True)).get("--max_completion_length", "48")
    return [*words, "--generation_kwargs", json.dumps({"min_new_tokens": int(length)})]


def peak_of(words: list[str]) -> float:
    """Bytes that the step held at most, as the operating system counts them."""
    code = "import sys; from bleuberi.cli.train import grpo; sys.exit(grpo(sys.argv[1:]))"
    child = subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"The step failed: {' '.join(words)}")
    return usage.ru_maxrss * 1024.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The doctor's memory estimate against measured peaks.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    arguments = parser.parse_args()
    from bleuberi.doctor.run import Asked, preflight

    print("| one step of | measured peak, GB | estimate, GB | estimate / measured |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as place:
        data = write_data(Path(place))
        for number, name in enumerate(arguments.only):
            words = words_of(arguments.model.expanduser(), data, Path(place) / str(number), SETTINGS[name])
            report, _ = preflight(words, Asked(method="grpo"))
            estimate = report.numbers["memory_estimate"]["peak"]
            measured = peak_of(words)
            print(f"| {name} | {measured / 1e9:.2f} | {estimate / 1e9:.2f} | {estimate / measured:.2f} |", flush=True)
            print(json.dumps(report.numbers["memory_estimate"]), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
