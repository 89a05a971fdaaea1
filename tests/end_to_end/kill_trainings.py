"""Run trainings twice in the current folder: once undisturbed, once killed again and again until it is through.

Called with JSON: a list of (name, words of `bleuberi train`, number of steps, seed). One process imports what takes
long, and forks a training each time. It kills right when a checkpoint has begun to be written, and at two steps that
chance picks.
"""

import json
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path

from bleuberi.cli import train


def fork(words):
    """Train in a child; gives its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = getattr(train, words[0])(words[1:])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def train_whole(words):
    _, status = os.waitpid(fork(words), 0)
    assert status == 0, words


def kill_when(words, due):
    """Train until `due` says so, or to the end."""
    child = fork(words)
    while not due():
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def steps_logged(folder):
    path = folder / "metrics.jsonl"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def checkpoint_begun(folder):
    return any(not (path / "complete.json").exists() for path in folder.glob("checkpoint-*"))


def main():
    # Imported before the first fork, so that no child has to.
    import datasets  # noqa: F401
    import peft  # noqa: F401
    import trl

    import bleuberi.training.dpo
    import bleuberi.training.grpo
    import bleuberi.training.sft  # noqa: F401

    assert trl.GRPOTrainer  # trl loads its parts when they are named
    assert trl.SFTTrainer
    assert trl.DPOTrainer
    logging.basicConfig(level=logging.INFO)
    for name, words, steps, seed in json.loads(sys.argv[1]):
        folder = Path(f"{name}_killed")
        again = [*words, "--output_dir", str(folder)]
        train_whole([*words, "--output_dir", f"{name}_whole"])
        kill_when(again, lambda folder=folder: checkpoint_begun(folder))
        for step in sorted(random.Random(seed).sample(range(steps // 4, steps // 2 + 1), 2)):
            kill_when(again, lambda folder=folder, step=step: steps_logged(folder) >= step)
            print(f"{name} killed with {steps_logged(folder)} log entries", flush=True)
        train_whole(again)


if __name__ == "__main__":
    main()
