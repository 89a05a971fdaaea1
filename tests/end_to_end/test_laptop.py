"""The first commands on a system without /proc, processor affinity and a compiler, as macOS is."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytest.importorskip("trl")

NO_LINUX = """
import builtins, io, os, sys
for name in ("sched_getaffinity", "sched_setaffinity"):
    delattr(os, name)
def without_proc(function):
    def refuse(path, *args, **more):
        if isinstance(path, (str, bytes, os.PathLike)) and os.fspath(path).startswith("/proc"):
            frame, names = sys._getframe(1), []
            while frame and len(names) < 6:
                names.append(frame.f_globals.get("__name__", "").partition(".")[0])
                frame = frame.f_back
            if "psutil" not in names:  # it is another program on macOS
                raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
        return function(path, *args, **more)
    return refuse
builtins.open = without_proc(builtins.open)
io.open = without_proc(io.open)
os.readlink, os.listdir, os.stat = map(without_proc, (os.readlink, os.listdir, os.stat))
"""


@pytest.fixture
def laptop(tmp_path):
    """Runs a command there; gives what it printed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(NO_LINUX)
    env = {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{ROOT}/src", "BLEUBERI_BACKEND": "python"}

    def run(*words, code=0):
        command = [sys.executable, "-m", "bleuberi.cli.main", *map(str, words)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == code, done.stderr[-3000:]
        return done.stdout + done.stderr

    return run


def test_scores_pools_and_checks(laptop, tmp_path):
    assert "pure Python" in laptop("--version")
    laptop("explain", "--response", "The cat sat.", "--reference", "A cat sat on the mat.")
    laptop("data", "generate", "--preset", "learn", "--rows", "8", "--output", tmp_path / "pool.jsonl")
    laptop("data", "check", tmp_path / "pool.jsonl", "--output_dir", tmp_path / "checked")
    said = laptop("compare", "--protocol", ROOT / "experiments/learn_facts/protocol.yaml", "--cores", "0", code=2)
    assert "--cores needs Linux" in said


@pytest.mark.slow
def test_the_demo(laptop, tiny_model, tmp_path):
    said = laptop("demo", "--model", tiny_model, "--steps", "1", "--output_dir", tmp_path / "demo")
    assert "Traceback" not in said
    assert (tmp_path / "demo/steps-1-seed-1/evaluation/evaluation.json").is_file()
