"""Wrote `artifacts/` with commit f0822dc: `python -m tests.oracle.make_artifacts FOLDER`, which is new then.

Later commits must read, reuse and resume these files, so they are not made again together with a change. Everything ran
in FOLDER with relative paths, because finished and killed runs are compared with the words of the command; so the tests
copy the files into any folder and type the same words there. Pictures, locks, PEFT's and our model cards are left out;
checkpoints lose only a README.md, and the mark that lists their files is changed accordingly.
"""

import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.oracle.cases.artifacts import AGREED, CHECKED, HALF, LEFT
from tests.oracle.run import HERE, prepare, start
from tests.oracle.server import FIXED, serving, trouble

PICTURES = ("*.png", "*.svg", ".lock", "README.md", "__pycache__")


def run(words, place):
    """Run a command to its end."""
    child = start(shlex.split(words), place, place.parent)
    assert os.waitpid(child, 0)[1] == 0, (words, (place.parent / "err").read_text())


def kill_when(words, place, due):
    """Start a command and kill it as soon as `due` says so."""
    child = start(shlex.split(words), place, place.parent)
    while not due():
        assert os.waitpid(child, os.WNOHANG) == (0, 0), (words, (place.parent / "err").read_text())
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def killed_with_a_journal(place):
    """Four rows of a server are a shard; eight more are in the journal of a run that was killed while it waited."""
    with serving(FIXED) as url:
        run(LEFT["served"].replace("pool.jsonl", "pool.jsonl.gz").replace("SERVER", url), place)
    shutil.rmtree(place / "data/data_grpo/served")

    def hang(prompt, attempt):
        return "hang" if "egg" in prompt else trouble(prompt, attempt)

    def written():
        return sum(path.read_bytes().count(b"\n") for path in place.rglob("journal.open")) >= 8

    with serving(FIXED, hang) as url:
        kill_when(LEFT["served"].replace("SERVER", url), place, written)
    (journal,) = place.rglob("journal.open")
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines()[0][:40])  # as a kill in the middle of a line leaves it


def main():
    place = Path(sys.argv[1]).absolute() / "place"
    place.mkdir(parents=True)
    prepare()
    shutil.copytree(HERE / "inputs", place / "inputs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tiny", "hard", "vowels", "sft", "references", "imported"):
        run(LEFT[name], place)
    killed_with_a_journal(place)
    run(f"{HALF} --output_dir runs/finished", place)
    kill_when(f"{HALF} --output_dir runs/half", place, (place / "runs/half/checkpoint-2/complete.json").exists)
    assert not (place / "runs/half/manifest.json").exists()
    for words in (*AGREED, CHECKED, LEFT["evaluation"]):
        run(words, place)
    for path in (*place.glob("runs/finished/checkpoint-*"), place / "inputs", place / ".cache"):
        shutil.rmtree(path, ignore_errors=True)
    for mark in place.glob("runs/half/checkpoint-*/complete.json"):
        content = json.loads(mark.read_text())
        content["files"].pop("README.md", None)
        mark.write_text(json.dumps(content, indent=2) + "\n")
    shutil.copytree(place, HERE / "artifacts", ignore=shutil.ignore_patterns(*PICTURES))
    for path in (HERE / "artifacts").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main()
