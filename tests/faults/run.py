"""`make test-faults`: kills at random moments and faults of the place; prints the tally; any failure is exit code 1."""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from tests.conftest import ROOT, save_tiny_model
from tests.faults.children import content, finish
from tests.faults.kills import data_commands, kill_often, train_commands
from tests.faults.places import FAULTS, filled

ROWS = 120
UNLIKE = ("incomplete-", *(f"run/checkpoint-{step}/" for step in (1, 2, 3, 5, 6, 7)))
"""What an undisturbed training does not have: a folder that is set aside and reported, and checkpoints at SIGTERM."""


def prepare(place):
    """A pool, answers, the tiny model, and data sets to train on."""
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in sorted(lines, key=len)[:ROWS]]  # short ones: the tiny model has few positions
    for name, items in (
        ("pool.jsonl", rows),
        ("answers.jsonl", [{"id": row["id"], "response": row["ref_output_second"]} for row in rows]),
    ):
        (place / name).write_text("".join(json.dumps(item) + "\n" for item in items))
    commands = data_commands(place)
    for name in ("data grpo, canned", "data sft"):
        ended = finish(filled(commands[name], place), place / "log")
        if ended.code:
            sys.exit(f"{name}: {ended.said}")


def preload(training):
    """Import what the commands import, so that children do not; no work is done with it here."""
    import datasets
    import torch
    import transformers
    import vl_convert

    import bleuberi.cli.create_training_data
    import bleuberi.cli.data_check
    import bleuberi.cli.references
    import bleuberi.selection.create
    import bleuberi.selection.sft_pairs

    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    if training:
        import trl
        from trl import GRPOTrainer, SFTTrainer

        return transformers, vl_convert, trl, GRPOTrainer, SFTTrainer
    return transformers, bleuberi


def main():
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--data_kills", type=int, default=80)
    flags.add_argument("--train_kills", type=int, default=10, help="with JIT checkpoints, and as many without")
    flags.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    flags.add_argument("--only", help="a part of a command's or fault's name")
    given = flags.parse_args()
    rng = random.Random(given.seed)
    print(f"seed {given.seed}", flush=True)
    failures = []
    with tempfile.TemporaryDirectory(prefix="bleuberi-faults-") as name:
        place = Path(name)
        preload(bool(given.train_kills))
        save_tiny_model(place / "tiny")
        prepare(place)
        kinds = [("data commands", data_commands(place), given.data_kills, ())]
        kinds += [(kind, commands, given.train_kills, UNLIKE) for kind, commands in train_commands(place).items()]
        started = time.monotonic()
        total = {}
        for kind, commands, kills, skip in kinds:
            if not kills:
                continue
            wanted = {key: words for key, words in commands.items() if not given.only or given.only in key}
            for key, words in wanted.items():
                began = time.monotonic()
                hits, wrong = kill_often(key, words, -(-kills // len(wanted)), place, rng, skip)
                failures += wrong
                total[kind] = total.get(kind, 0) + hits
                tell(f"{key}: {hits} kills", wrong, began)
        canned = data_commands(place)["data grpo, canned"]
        reference = place / "whole-canned"
        finish(filled(canned, reference), place / "log")
        for fault in FAULTS:
            if given.only and given.only not in fault.__name__:
                continue
            began = time.monotonic()
            wrong = fault(canned, place, content(reference))
            tell(fault.__name__.replace("_", " "), wrong, began)
            failures += wrong or []
    told = ", ".join(f"{hits} kills on {kind}" for kind, hits in total.items())
    minutes = (time.monotonic() - started) / 60
    print(
        f"{told or 'no kills'}; {len(failures)} failures; {minutes:.1f} minutes, {_cpu_minutes():.1f} of CPU",
        flush=True,
    )
    sys.exit(1 if failures else 0)


def _cpu_minutes():
    used = os.times()
    return (used.user + used.system + used.children_user + used.children_system) / 60


def tell(what, wrong, began):
    state = "not possible here" if wrong is None else "ok" if not wrong else f"{len(wrong)} FAILURES"
    print(f"{what}: {state} ({time.monotonic() - began:.0f} s)", flush=True)
    for problem in (wrong or [])[:6]:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    main()
