"""`bleuberi compare` for the tests: in this process, or in one of its own for killing it or what it runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from bleuberi.comparison.config import Options
from bleuberi.comparison.run import compare
from tests.conftest import ROOT
from tests.end_to_end.experiment import evaluate


def no_demo():
    raise AssertionError("the protocol does not ask for the demo's model")


def options(protocol, cache, **more):
    return Options(protocol, cache, no_demo, **more)


def lines(path):
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def quietly(protocol, cache, **more):
    return compare(options(protocol, cache, **more), lambda line: None, evaluate)


class Killed:
    """`bleuberi compare` in a process, for killing it or what it runs."""

    def __init__(self, work, protocol, *words):
        command = [sys.executable, "-m", "bleuberi.cli.main", "compare", "--protocol", str(protocol), *words]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "BLEUBERI_CACHE": str(work / "cache")}
        self.work = work
        self.process = subprocess.Popen(
            command, cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def wait_for_step(self, step):
        deadline = time.monotonic() + 300
        while self.steps() < step:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def wait_for(self, pattern):
        deadline = time.monotonic() + 300
        while not list(self.work.glob(pattern)):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def steps(self):
        logs = list(self.work.glob("cache/experiments/models/*/model/metrics.jsonl"))
        return max((len(log.read_text().splitlines()) for log in logs), default=0)

    def child(self):
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def killed_twice(work, protocol):
    """What the commands said of a GRPO run that was killed, and of one that was killed with its command."""
    said = []
    first = Killed(work, protocol, "--only", "grpo@1")
    first.wait_for_step(3)
    os.kill(first.child(), signal.SIGKILL)
    said.append(first.process.communicate(timeout=300)[0])
    assert first.process.returncode == 2, said
    second = Killed(work, protocol, "--only", "grpo@1")
    second.wait_for_step(5)
    child = second.child()
    second.process.kill()
    said.append(second.process.communicate(timeout=300)[0])
    while Path(f"/proc/{child}/status").exists():  # it stops by itself
        time.sleep(0.05)
    return said
