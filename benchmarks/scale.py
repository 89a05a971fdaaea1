"""How much memory do the commands take for pools of many rows, and how long do they run?

Each command runs as a user would type it, on a real file of so many rows; the peak is that of the whole process tree
(resident set sizes from /proc, every 50 ms), or the operating system's for its largest process if that is more.

    python benchmarks/scale.py import check --rows 500000 1000000 2000000 --folder /tmp/scale
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WORDS = 3_000
NEAR, SAME = 0.02, 0.01  # shares of rows whose prompt stands earlier, almost or word for word
MIB = 1 << 20
SAMPLED = ("bestof", "pairs", "export-dpo", "signal")
SEEDS = (1, 2, 4, 5)  # of the responses that they read; 1 copies a reference
EXPORTED = {"export": ("trl", ".jsonl"), "export-parquet": ("verl", ".parquet"), "export-verifiers": ("verifiers", "")}
COMMANDS = ["import", "limit", "check", "references", "grpo", "sft", "evaluate", *SAMPLED, *EXPORTED]


class Measured(NamedTuple):
    """What a command took."""

    seconds: float
    peak_bytes: int


def rows(count: int, seed: int = 1) -> Iterator[dict[str, str]]:
    """Rows of an instruction file: 40 words of prompt, and 60 words of two models' answers each, some alike."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(WORDS)]
    earlier: list[list[str]] = []
    for number in range(count):
        prompt = draw.choices(words, k=40)
        kind = draw.random()
        if earlier and kind < NEAR + SAME:
            prompt = list(draw.choice(earlier))
            if kind < NEAR:
                prompt[draw.randrange(40)] = draw.choice(words)
        elif len(earlier) < 1_000:
            earlier.append(prompt)
        texts = (" ".join(draw.choices(words, k=60)) + "." for _ in range(2))
        yield {
            "id": f"row-{number:09}", "prompt": " ".join(prompt).capitalize() + "?",
            **{f"ref_output_{name}": text for name, text in zip(("gold", "other"), texts, strict=True)},
        }  # fmt: skip


def write(path: Path, count: int) -> Path:
    """The file of so many rows; written once."""
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as stream:
            for row in rows(count):
                stream.write(json.dumps(row) + "\n")
        partial.replace(path)
    return path


def write_answers(path: Path, count: int, *seeds: int) -> Path:
    """A response of 60 words to each row per seed; written once."""
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as stream:
            for drawn in zip(*(rows(count, seed) for seed in seeds or (2,)), strict=True):
                for row in drawn:
                    stream.write(json.dumps({"id": row["id"], "response": row["ref_output_gold"]}) + "\n")
        partial.replace(path)
    return path


def measure(words: list[str]) -> Measured:
    """Run a command to its end. Errors: `CalledProcessError`."""
    begin = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "bleuberi", *words], stdout=subprocess.DEVNULL)
    peak = 0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, sum(map(resident, tree(process.pid))), highest(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, words)
    return Measured(time.monotonic() - begin, peak)


def tree(root: int) -> list[int]:
    """A process and all that it started."""
    found = [root]
    for pid in found:
        for children in Path("/proc", str(pid), "task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue  # it has ended
    return found


def resident(pid: int, field: str = "VmRSS:") -> int:
    """A process's resident memory in bytes; 0 if it has ended."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def highest(pid: int) -> int:
    """The peak of one process as the operating system counts it."""
    return resident(pid, "VmHWM:")


def words_of(command: str, folder: Path, count: int) -> list[str]:
    """The command line, after the commands whose files it reads."""
    source = write(folder / f"rows-{count}.jsonl", count)
    if command in SAMPLED:
        return words_of_sampled(command, folder, source, count)
    if command in EXPORTED:
        to, ending = EXPORTED[command]
        return ["data", "export", str(source), "--to", to, "--output", str(folder / f"{command}-{count}{ending}"),
                "--overwrite"]  # fmt: skip
    if command in ("import", "limit"):
        limit = ["--limit", str(count)] if command == "limit" else []
        return ["data", "import", str(source), "--output", str(folder / f"{command}-{count}.jsonl"), "--overwrite",
                *limit]  # fmt: skip
    if command == "check":
        return ["data", "check", str(source), "--output_dir", str(folder / f"check-{count}"), "--overwrite",
                "--drop", "duplicate_prompt", "--held_out", "1000"]  # fmt: skip
    if command == "references":
        answers = write_answers(folder / f"answers-{count}.jsonl", count)
        return ["references", "--hf_dataset_path", str(source), "--model", "third", "--engine", "canned",
                "--answers", str(answers), "--output", str(folder / f"third-{count}.jsonl"), "--overwrite"]  # fmt: skip
    if command == "grpo":
        answers = write_answers(folder / f"answers-{count}.jsonl", count)
        return ["data", "grpo", "--hf_dataset_path", str(source), "--ref_models", "gold", "other", "--metric", "bleu",
                "--selection_mode", "medium", "--num_examples", str(count // 10), "--outputs", str(answers),
                "--output_dir", str(folder / f"grpo-{count}"), "--overwrite"]  # fmt: skip
    if command == "evaluate":
        base, trained = (write_answers(folder / f"answers-{count}{end}.jsonl", count, seed)
                         for end, seed in (("", 2), ("-trained", 3)))  # fmt: skip
        return ["evaluate", "--prompts", str(source), "--ref_models", "gold", "other", "--metrics", "bleu",
                "--models", f"base={base}", f"grpo={trained}", "--output_dir", str(folder / f"evaluation-{count}"),
                "--overwrite"]  # fmt: skip
    made = folder / f"all-{count}"
    if not (made / "data_grpo/all").exists():
        words = ["data", "grpo", "--hf_dataset_path", source, "--ref_models", "gold", "other", "--selection_mode",
                 "random", "--num_examples", count, "--output_dir", made, "--output_dataset_name", "all"]  # fmt: skip
        measure(list(map(str, words)))
    return ["data", "sft", "--input_data_path", str(made / "data_grpo/all"), "--output_dir", str(made), "--overwrite"]


def words_of_sampled(command: str, folder: Path, source: Path, count: int) -> list[str]:
    """The command line of a command that reads several responses to each row."""
    samples = write_answers(folder / f"samples-{count}.jsonl", count, *SEEDS)
    words = ["--outputs", str(samples), "--metric", "bleu", "--overwrite"]
    if command == "export-dpo":
        return ["data", "export", str(source), "--to", "dpo", "--output", str(folder / f"dpo-{count}.jsonl"), *words]
    made = folder / f"{command}-{count}"
    shutil.rmtree(made, ignore_errors=True)  # its scores would be used again
    words += ["--output_dir", str(made), "--ref_models", "gold", "other"]
    if command == "signal":
        return ["data", "grpo", "--hf_dataset_path", str(source), "--selection_mode", "signal", "--num_examples",
                str(count // 10), *words]  # fmt: skip
    return ["data", command, "--input_data_path", str(source), *words]


def main() -> None:
    """Print a table, one line per command and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", choices=COMMANDS)
    parser.add_argument("--rows", nargs="+", type=int, default=[50_000, 100_000])
    parser.add_argument("--folder", type=Path, required=True, help="for the files; they stay")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    print("| command | rows | file | seconds | peak memory | bytes per row above the smallest |")
    print("|---|---|---|---|---|---|")
    for command in flags.commands:
        smallest: tuple[int, int] | None = None
        for count in sorted(flags.rows):
            words = words_of(command, flags.folder, count)
            took = measure(words)
            size = (flags.folder / f"rows-{count}.jsonl").stat().st_size / MIB
            slope = ""
            if smallest is not None:
                slope = f"{(took.peak_bytes - smallest[1]) / (count - smallest[0]):,.0f}"
            smallest = smallest or (count, took.peak_bytes)
            print(
                f"| {command} | {count:,} | {size:,.0f} MiB | {took.seconds:,.0f} | "
                f"{took.peak_bytes / MIB:,.0f} MiB | {slope} |", flush=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
