"""Commands in processes of their own: what they are given, what they leave, and that they end with their parent."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from bleuberi.comparison.process import Seconds, pin_to, run_process, seconds_used
from bleuberi.errors import UserError
from tests.conftest import ROOT

PRINT = "import json, os; print(json.dumps({name: os.environ.get(name) for name in ('OMP_NUM_THREADS', 'PYTHONPATH')}))"


def test_threads_and_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "src")  # as typed in a clone; the process may run elsewhere
    run_process(["-c", PRINT], name="it", folder=tmp_path / "a", threads=3, cwd=tmp_path)
    told = json.loads((tmp_path / "a/log.txt").read_text())
    assert told == {"OMP_NUM_THREADS": "3", "PYTHONPATH": os.path.abspath("src")}


def test_seconds_of_all_attempts_add_up(tmp_path):
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    for _ in range(2):
        run_process(["-c", burn], name="it", folder=tmp_path, threads=1)
    used = seconds_used(tmp_path)
    assert 0.6 <= used.cpu <= used.wall + 0.1
    assert seconds_used(tmp_path / "nothing") == Seconds(0, 0)


def test_a_commands_own_two_lines_are_passed_on(tmp_path):
    said = "import sys; print('Error: old'); print('old cure')"
    run_process(["-c", said], name="it", folder=tmp_path, threads=1)
    with pytest.raises(UserError) as caught:
        run_process(
            ["-c", "import sys; print('a step'); print('Error: It broke.'); print('Fix it.'); sys.exit(2)"],
            name="grpo@1: training", folder=tmp_path, threads=1,
        )  # fmt: skip
    assert (caught.value.what, caught.value.cure) == ("grpo@1: training: It broke.", "Fix it.")


@pytest.mark.parametrize(
    ("code", "said"),
    [("raise SystemExit(3)", "failed (exit code 3)"), ("import os; os.kill(os.getpid(), 9)", "was killed (SIGKILL)")],
)
def test_other_ends_name_the_log(tmp_path, code, said):
    with pytest.raises(UserError) as caught:
        run_process(["-c", code], name="it", folder=tmp_path, threads=1)
    assert caught.value.what == f"it {said}."
    assert str(tmp_path / "log.txt") in caught.value.cure
    assert len(list((tmp_path / "seconds").iterdir())) == 1


def test_a_core_that_is_not_there():
    with pytest.raises(UserError, match="--cores 4096: no such core"):
        pin_to([4096])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_process_ends_with_the_one_that_started_it(tmp_path, number):
    child = "import os, time, pathlib; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(60)"
    parent = (
        "import sys, pathlib; from bleuberi.comparison.process import run_process\n"
        f"run_process(['-c', {child!r}], name='it', folder=pathlib.Path('.'), threads=1)"
    )
    env = {**os.environ, "PYTHONPATH": f"{ROOT}/src"}
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
    wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    process.send_signal(number)
    process.wait(30)
    wait_for(lambda: is_gone(pid))


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
