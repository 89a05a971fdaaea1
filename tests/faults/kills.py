"""Kills at random moments."""

import shutil
import signal

from tests.faults.children import cached_rows, content, finish, kill, orphans

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS_IN_A_ROW = 4


def data_commands(place):
    """Name -> (words with OUT for the output folder, whether a shard is the unit of work)."""
    pool, answers = str(place / "pool.jsonl"), str(place / "answers.jsonl")
    canned = ["--engine", "canned", "--answers", answers]
    grpo = ["data", "grpo", "--hf_dataset_path", pool, "--metric", "bleu", "--output_dir", "OUT"]
    grpo += ["--output_dataset_name", "made"]
    tiny = ["--model", str(place / "tiny"), "--engine", "transformers", "--engine_args", "batch_rows=4"]
    return {
        "data check": ["data", "check", pool, "--held_out", "8", "--output_dir", "OUT/checked"],
        "references": ["references", "--hf_dataset_path", pool, "--model", "m", "--output", "OUT/new.jsonl", *canned],
        "data grpo, canned": [*grpo, "--model", "m", "--num_examples", "30", *canned],
        "data grpo, transformers": [*grpo, *tiny, "--num_examples", "30", "--inference_max_new_tokens", "8"],
        "data sft": ["data", "sft", "--input_data_path", str(place / "data_grpo/made"), "--output_dir", "OUT"],
    }  # fmt: skip


def train_commands(place):
    """Setting -> the same for training. With JIT checkpoints SIGTERM saves first, also between regular checkpoints."""
    flags = ["--model_name_or_path", str(place / "tiny"), "--output_dir", "OUT/run", "--use_peft", "false"]
    flags += ["--max_steps", "8", "--save_steps", "4", "--logging_steps", "1", "--disable_tqdm", "true"]
    pairs = str(place / "data_sft/made_SFT")
    sft = ["train", "sft", "--config", "sft_cpu", "--dataset_path", pairs, *flags]
    grpo = ["train", "grpo", "--config", "grpo_cpu", "--dataset_path", str(place / "data_grpo/made"), *flags]
    grpo += ["--max_completion_length", "8", "--max_prompt_tokens", "400", "--num_generations", "2"]
    grpo += ["--per_device_train_batch_size", "4", "--num_iterations", "2", "--dev_prompts", "4", "--dev_every", "4"]
    commands = {"train sft": sft, "train grpo": grpo}
    jit = ["--enable_jit_checkpoint", "true"]
    return {
        "training": commands,
        "training, JIT checkpoints": {f"{name}, JIT checkpoints": [*words, *jit] for name, words in commands.items()},
    }


def kill_often(name, words, kills, work, rng, skip=()):
    """Kill one command so many times, finish it, compare. Returns the kills that hit and what was wrong."""
    wrong, hits, log = [], 0, work / "log"

    def given(folder):
        return [word.replace("OUT", str(folder)) for word in words]

    whole = work / "whole" / name.replace(" ", "_")
    undisturbed = finish(given(whole), log)
    if undisturbed.code:
        return 0, [f"{name}: undisturbed, it ended with {undisturbed.code}: {undisturbed.said[-300:]}"]
    expected, seconds = content(whole, skip), undisturbed.seconds
    while hits < kills:
        # The same folder, since some results name it.
        shutil.rmtree(whole)
        rows = 0
        for _ in range(KILLS_IN_A_ROW):
            number = rng.choice(SIGNALS)
            before = set(orphans(whole)) if whole.exists() else set()  # SIGKILL leaves them to the next that writes
            hit, ended = kill(given(whole), log, rng.uniform(0.0, seconds), number)
            hits += hit
            if ended.code not in (0, -number, 128 + number):
                wrong.append(f"{name}: {number.name} gave {ended.code}: {ended.said[-400:]}")
            if hit and ended.code == 128 + number and not _told_in_one_line(ended.said):
                wrong.append(f"{name}: {number.name} said: {ended.said[-400:]}")
            new = set(orphans(whole)) - before if whole.exists() else set()
            if hit and ended.code == 128 + number and new:
                wrong.append(f"{name}: {number.name} left {new}")
            left = cached_rows(whole) if whole.exists() else 0
            if left < rows:
                wrong.append(f"{name}: {rows} cached rows became {left}")
            rows = left
        ended = finish(given(whole), log)
        if ended.code:
            wrong.append(f"{name}: finished with {ended.code}: {ended.said[-400:]}")
            continue
        found = content(whole, skip)
        wrong += [
            f"{name}: {path} differs{_where(expected.get(path), found.get(path))}"
            for path in sorted({**expected, **found})
            if expected.get(path) != found.get(path)
        ]
        wrong += [f"{name}: {path} was left" for path in orphans(whole)]
    return hits, wrong


def _where(one, other):
    """The fields that differ, if both are JSON objects."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return ""
    unlike = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return ": " + ", ".join(f"{key} {one.get(key)!s:.200} / {other.get(key)!s:.200}" for key in unlike)


def _told_in_one_line(said):
    lines = [line for line in said.splitlines() if line.strip()]
    return "Traceback" not in said and lines[-1].startswith("Stopped. ") and "the same command" in lines[-1]
