"""Our GRPO step against plain TRL's, with the same settings, on a CPU; and the reward's share of it.

Plain TRL: its trainer, its data set, a reward function that is never slow (it counts characters). Ours: what
`bleuberi train grpo` runs. Both run in this process, in turns, one short run a round, so that whatever else the machine
does meets both. Every completion is forced to its full length: both then compute the same number of tokens. A step is
timed from its begin to its end by a callback of the trainer; the first of a run, which warms up, is left out.

    python benchmarks/grpo_step.py ~/.cache/bleuberi/models/SmolLM2-135M-Instruct
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
POOL = Path(__file__).resolve().parents[1] / "src/bleuberi/demo/pool.jsonl"


def write_data(folder: Path) -> Path:
    """A GRPO data set of 16 demo prompts, each with two references."""
    from datasets import Dataset, DatasetDict

    rows = []
    for line in POOL.read_text(encoding="utf-8").splitlines()[:16]:
        row = json.loads(line)
        references = [row["ref_output_gold"], row["ref_output_second"]]
        turns = [{"role": "user", "content": row["prompt"]}]
        rows.append({"id": row["id"], "source": "demo", "messages": turns, "prompt": row["prompt"],
                     "ground_truth": references[0], "references": references})  # fmt: skip
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(folder / "data"))
    return folder / "data"


def settings_of(arguments: argparse.Namespace, data: Path, out: Path) -> Any:  # noqa: ANN401
    """The CPU preset, with full-length completions."""
    from bleuberi.training.settings.read import read_settings

    words = ["--config", "grpo_cpu", "--model_name_or_path", str(arguments.model.expanduser())]
    words += ["--dataset_path", str(data), "--output_dir", str(out), "--max_steps", str(arguments.steps + 1)]
    words += ["--save_strategy", "no", "--disable_tqdm", "true", "--max_completion_length", str(arguments.tokens)]
    words += ["--per_device_train_batch_size", str(arguments.rows)]
    return read_settings("grpo", [*words, "--generation_kwargs", json.dumps({"min_new_tokens": arguments.tokens})])


def stop_watch(seconds: list[float]) -> Any:  # noqa: ANN401 - TrainerCallback
    """A callback that appends every step's time."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: object, **__: object) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *_: object, **__: object) -> None:
            seconds.append(time.perf_counter() - self.began)

    return Watch()


def run_plain(settings: Any) -> list[float]:  # noqa: ANN401
    """TRL alone."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOTrainer, get_peft_config

    from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows
    from bleuberi.training.grpo import drop_long_prompts

    def length(completions: list[Any], **_: object) -> list[float]:
        return [float(len(turns[0]["content"])) for turns in completions]

    seconds: list[float] = []
    tokenizer = AutoTokenizer.from_pretrained(settings.model.model_name_or_path, padding_side="left")
    rows = read_grpo_rows(Path(settings.run.dataset_path))
    rows, _ = drop_long_prompts(rows, tokenizer, settings.run.max_prompt_tokens)  # the same prompts, in the same order
    trainer = GRPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(settings.model.model_name_or_path, dtype="float32"),
        reward_funcs=[length],
        args=settings.args,
        train_dataset=Dataset.from_list([{"prompt": prompt_messages(row)} for row in rows]),
        processing_class=tokenizer,
        peft_config=get_peft_config(settings.model),
        callbacks=[stop_watch(seconds)],
    )
    trainer.train()
    return seconds[1:]


def run_ours(settings: Any, reward_seconds: list[float]) -> list[float]:  # noqa: ANN401
    """What `bleuberi train grpo` runs, its reward calls timed."""
    from bleuberi.training.grpo import train_grpo
    from bleuberi.training.watch import reward as reward_adapter

    kind = reward_adapter.TrlReward
    call, seconds = kind.__call__, []

    def timed(self: Any, **fields: Any) -> Any:  # noqa: ANN401
        began = time.perf_counter()
        scores = call(self, **fields)
        reward_seconds.append(time.perf_counter() - began)
        return scores

    kind.__call__ = timed  # type: ignore[method-assign]
    try:
        train_grpo(settings, [stop_watch(seconds)])
    finally:
        kind.__call__ = call  # type: ignore[method-assign]
    return seconds[1:]


def measure(arguments: argparse.Namespace) -> None:
    """Rounds of both sides in turns, and the table."""
    plain: list[float] = []
    ours: list[float] = []
    rewards: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        data = write_data(Path(place))
        for turn in range(arguments.rounds):
            sides = ["plain", "ours"] if turn % 2 == 0 else ["ours", "plain"]
            for side in sides:
                settings = settings_of(arguments, data, Path(place) / f"{side}{turn}")
                with contextlib.redirect_stdout(None):  # the trainer prints every metric there
                    if side == "plain":
                        plain += run_plain(settings)
                    else:
                        ours += run_ours(settings, rewards)
            print(f"round {turn + 1}: plain {plain[-1]:.1f} s, ours {ours[-1]:.1f} s", file=sys.stderr, flush=True)
    pairs = [one / other for one, other in zip(ours, plain, strict=True)]
    share = statistics.median(rewards) / statistics.median(ours)
    import torch

    print(
        f"{arguments.rows} completions of {arguments.tokens} tokens, {torch.get_num_threads()} threads, LoRA, float32"
    )
    print("| a step | median | lowest | highest |\n|---|---|---|---|")
    for name, values in (("plain TRL, s", plain), ("ours, s", ours), ("ours / plain, in turns", pairs)):
        print(f"| {name} | {statistics.median(values):.3f} | {min(values):.3f} | {max(values):.3f} |")
    print(f"| reward, share of our step | {share:.3%} | | |")


def main() -> None:
    """Read the flags."""
    parser = argparse.ArgumentParser(description="Our GRPO step against plain TRL's.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--rows", type=int, default=16, help="completions a step")
    parser.add_argument("--tokens", type=int, default=32, help="of every completion")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1, help="timed steps of each run, behind one that warms up")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
