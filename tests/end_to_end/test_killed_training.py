"""Trainings killed with SIGKILL wherever they stand end with the curves and the bytes of ones that were not."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("trl")

# Two prompts at once from 8: an epoch is 4 generations, so that every run shuffles at least twice.
GRPO = ["grpo", "--config", "grpo_cpu", "--max_completion_length", "8", "--num_generations", "2"]
GRPO += ["--save_total_limit", "2"]
GRPO += ["--reward_funcs", "tests.end_to_end.vowel_reward:Vowels"]
SFT = ["sft", "--config", "sft_cpu", "--save_strategy", "steps", "--save_total_limit", "1"]
RUNS = {
    "grpo_lora": [*GRPO, "--per_device_train_batch_size", "4", "--lora_dropout", "0.1", "--save_steps", "2"],
    "grpo_full": [*GRPO, "--use_peft", "false", "--num_iterations", "2", "--gradient_accumulation_steps", "2",
                  "--per_device_train_batch_size", "2", "--beta", "0.04", "--loss_type", "bnpo", "--save_steps", "2"],
    "dpo_lora": ["dpo", "--config", "dpo_cpu", "--per_device_train_batch_size", "2", "--save_steps", "3",
                 "--gradient_accumulation_steps", "1", "--lora_dropout", "0.1", "--save_total_limit", "1"],
    "dpo_full": ["dpo", "--config", "dpo_cpu", "--per_device_train_batch_size", "2", "--save_steps", "2",
                 "--use_peft", "false", "--sync_ref_model", "true", "--ref_model_sync_steps", "3",
                 "--save_total_limit", "2"],
    "sft_lora": [*SFT, "--per_device_train_batch_size", "2", "--save_steps", "3", "--logging_steps", "2"],
}  # fmt: skip
STEPS = {"grpo_lora": 9, "grpo_full": 12, "dpo_lora": 12, "dpo_full": 10, "sft_lora": 30}


@pytest.fixture(scope="module")
def killed(tiny_model, tmp_path_factory):
    """Where the runs lie, whole and killed, and what was said."""
    from datasets import Dataset, DatasetDict

    work = tmp_path_factory.mktemp("killed")
    pool = map(json.loads, (ROOT / "src/bleuberi/demo/pool.jsonl").open(encoding="utf-8"))
    grpo, sft, dpo = [], [], []
    for row in sorted(pool, key=lambda row: len(row["prompt"]))[:8]:
        turns = [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["ref_output_gold"]}]
        sft.append({"id": row["id"], "messages": turns})
        grpo.append({**sft[-1], "prompt": row["prompt"], "references": [row["ref_output_gold"]]})
        other = [{"role": "assistant", "content": row["ref_output_gold"][::-1]}]
        dpo.append({"id": row["id"], "prompt": turns[:1], "chosen": turns[1:], "rejected": other})
    for name, rows in (("grpo", grpo), ("sft", sft), ("dpo", dpo)):
        DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(work / name))
    runs = []
    for seed, (name, words) in enumerate(RUNS.items()):
        found = ["--dataset_path", str(work / words[0]), "--model_name_or_path", str(tiny_model)]
        runs.append([name, [*words, *found, "--max_steps", str(STEPS[name])], STEPS[name], seed])
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/end_to_end/kill_trainings.py"), json.dumps(runs)],
        cwd=work, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": f"{ROOT}/src:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return work, done.stdout + done.stderr


def curve(folder):
    """Everything logged but times; TRL's own mean over the run is left out behind a kill."""
    unlike = ("time", "per_second", "train_loss", "train_runtime")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    return [{name: value for name, value in line.items() if not any(word in name for word in unlike)} for line in lines]


def history(folder, step):
    """The log entries in a checkpoint's own state."""
    unlike = ("step_time",)
    entries = json.loads((folder / f"checkpoint-{step}/trainer_state.json").read_text())["log_history"]
    return [{name: value for name, value in entry.items() if name not in unlike} for entry in entries]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_curves_and_weights_are_those_of_an_undisturbed_run(killed, name):
    work, said = killed
    whole, again = work / f"{name}_whole", work / f"{name}_killed"
    assert f"Going on from {name}_killed/checkpoint-" in said
    assert curve(again) == curve(whole)
    assert history(again, STEPS[name]) == history(whole, STEPS[name])
    moving = {line["reward" if "reward" in line else "loss"] for line in curve(whole)[:-1]}
    assert len(moving) > 3, "a flat curve shows nothing"
    for weights in ("model.safetensors", "adapter/adapter_model.safetensors"):
        assert (whole / weights).is_file() == (again / weights).is_file()
        if (whole / weights).is_file():
            assert (again / weights).read_bytes() == (whole / weights).read_bytes()


@pytest.mark.slow
def test_old_checkpoints_go_only_when_a_new_one_is_whole(killed):
    work, _ = killed
    for name, left in (
        ("grpo_lora", {8, 9}), ("grpo_full", {10, 12}), ("dpo_lora", {12}), ("dpo_full", {8, 10}), ("sft_lora", {30})
    ):  # fmt: skip
        assert {int(path.name[11:]) for path in (work / f"{name}_killed").glob("checkpoint-*")} == left
