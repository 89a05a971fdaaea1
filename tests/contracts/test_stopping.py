"""Ctrl-C and SIGTERM: one line that says what is saved, 130 or 143, nothing half-written; the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bleuberi.cli.stopping import Stopped, exit_code, stoppable
from tests.conftest import ROOT, pool_rows
from tests.unit.generation.chat_server import ChatServer

pytest.importorskip("datasets")


def slow(body):
    time.sleep(0.2)
    return body["messages"][-1]["content"]


@pytest.fixture
def server():
    with ChatServer(speak=slow) as running:
        yield running


def command(folder, server):
    words = [
        "data",
        "grpo",
        "--hf_dataset_path",
        "pool.jsonl",
        "--metric",
        "bleu",
        "--model",
        "m",
        "--output_dir",
        "out",
    ]
    words += ["--output_dataset_name", "made", "--num_examples", "3", "--concurrency", "2", "--base_url", server.url]
    kept = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "OPENAI_API_KEY": "none"}
    return {
        "args": [sys.executable, "-m", "bleuberi.cli.main", *words], "cwd": folder, "env": kept,
        "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True,
    }  # fmt: skip


def in_group(group):
    """Processes of that group that still live."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,pid="], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]]


@pytest.mark.parametrize(
    ("signals", "code", "answered"),
    [((signal.SIGINT,), 130, 3), ((signal.SIGINT, signal.SIGINT), 130, 3), ((signal.SIGTERM,), 143, 3),
     ((signal.SIGINT,), 130, 0)],
)  # fmt: skip
def test_answers_of_a_slow_server(tmp_path, write_pool, server, signals, code, answered):
    write_pool(pool_rows(20))
    process = subprocess.Popen(**command(tmp_path, server))
    deadline = time.monotonic() + 120
    while sum(server.answered.values()) < answered or not server.attempts:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)
    said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said[1]
    assert "ignored" not in said[1]
    last = said[1].strip().splitlines()[-1]
    assert last.startswith("Stopped. Finished responses and scores are saved. Rerun the same command")
    assert not in_group(process.pid)
    assert not list(tmp_path.rglob("*.partial*"))
    assert not (tmp_path / "out/data_grpo").exists()
    before = sum(server.attempts.values())
    if answered and signals[0] == signal.SIGTERM:
        done = subprocess.run(**command(tmp_path, server), check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / "out/data_grpo/made/manifest.json").read_text())["rows_out"] == 3
        # Those in work when it stopped are asked again, those that came are not.
        assert sum(server.attempts.values()) - before <= 20 - answered + 2


def stopped_twice():
    with stoppable():
        os.kill(os.getpid(), signal.SIGHUP)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
        finally:
            os.kill(os.getpid(), signal.SIGINT)  # while it clears up
            time.sleep(0.01)


def test_one_wish_is_told_once_and_ignored_signals_stay_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(Stopped) as caught:
            stopped_twice()
        assert exit_code(caught.value) == 143
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)
