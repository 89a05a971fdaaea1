"""Commands in forked children, killed for real.

The parent has imported the heavy libraries once and done no work with them, so that a child costs what its command
costs, and a hundred kills take minutes.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import NamedTuple

VOLATILE = {"created", "command", "versions", "should_training_stop"}
"""Fields that say when, by what words, and whether a run was stopped right after it."""
VOLATILE_METRICS = {
    "step_time", "train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss"
}  # fmt: skip


class Ended(NamedTuple):
    """How a child ended: its exit code (negative: by that signal), what it said, and how long it ran."""

    code: int
    said: str
    seconds: float


def start(words, log, before=None):
    """Fork; the child runs the command, its words going to the file `log`."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the command runs
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        from bleuberi.cli.main import find_command
        from bleuberi.cli.parser import run

        if before is not None:
            before()

        def dispatch(given):
            command, rest = find_command(given)
            return command(rest)

        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = run(dispatch, words)
    except BaseException:  # noqa: BLE001 - a child must end here, whatever came up
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(child, log, began):
    """The end of a child that was started at `began`."""
    status = os.waitpid(child, 0)[1]
    return Ended(os.waitstatus_to_exitcode(status), Path(log).read_text(errors="replace"), time.monotonic() - began)


def finish(words, log, before=None):
    """Run a command to its end."""
    began = time.monotonic()
    return wait(start(words, log, before), log, began)


def kill(words, log, seconds, number):
    """Start a command and send it the signal after so many seconds; whether it was still running, and its end."""
    began = time.monotonic()
    child = start(words, log)
    while time.monotonic() - began < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return False, Ended(code, Path(log).read_text(errors="replace"), time.monotonic() - began)
        time.sleep(0.002)
    os.kill(child, number)
    return True, wait(child, log, began)


def content(folder, skip=()):
    """Everything under a folder by its relative path: bytes; manifests and metrics without their volatile fields."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or path.name == ".lock" or any(part in name for part in skip):
            continue
        if path.name.endswith("manifest.json") or path.name in ("check.json", "trainer_state.json"):
            found[name] = _without(json.loads(path.read_text()))
        elif path.name == "complete.json":
            mark = json.loads(path.read_text())
            mark["files"].pop("trainer_state.json", None)  # a size, which depends on the digits of times
            found[name] = mark
        elif path.name == "metrics.jsonl":
            lines = [_without(json.loads(line)) for line in path.read_text().splitlines()]
            # The last line tells times alone; a run that was killed behind its last checkpoint has none.
            found[name] = [line for line in lines if line.keys() - {"step", "epoch"}]
        elif path.parent.parent.name == "inference_outputs" and path.suffix == ".jsonl":
            # Answers that came one by one are sealed in shards where a kill cut them; their rows are what counts.
            rows = found.setdefault(str(path.parent.relative_to(folder)), [])
            rows += path.read_bytes().splitlines()[:-1]
            rows.sort()
        else:
            found[name] = path.read_bytes()
    return found


def _without(value):
    if isinstance(value, dict):
        return {
            name: _without(item)
            for name, item in value.items()
            if name not in VOLATILE and name not in VOLATILE_METRICS and not name.startswith("profiling/")
        }
    if isinstance(value, list):
        return [_without(item) for item in value]
    return value


def orphans(folder):
    """Temporary files that a finished command should have cleared."""
    return [path for path in folder.rglob("*") if ".partial" in path.name or path.name.startswith("tmp")]


def cached_rows(folder):
    """Answers that are on disk: in shards, and in journals."""
    shards = sum(path.read_bytes().count(b"\n") - 1 for path in folder.rglob("inference_outputs/*/[!.]*.jsonl"))
    return shards + sum(path.read_bytes().count(b"\n") for path in folder.rglob("journal.open"))
