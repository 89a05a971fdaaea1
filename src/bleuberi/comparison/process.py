"""Run commands in separate processes, with fixed threads, a log, and run times that survive a kill."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final

from bleuberi.artifacts import read_json, write_json
from bleuberi.errors import UserError

COMMAND: Final = ("-m", "bleuberi.cli.main")
_POLL_SECONDS: Final = 0.05
_NOTE_SECONDS: Final = 5.0  # between updates of a process's run time
_PATIENCE_SECONDS: Final = 20.0  # for a stopped command to remove its partial files
_PARENT_DIES: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True, slots=True)
class Seconds:
    """Run times of processes; `wall` and `cpu` in seconds."""

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)


def run_process(words: Sequence[str], *, name: str, folder: Path, threads: int, cwd: Path | None = None) -> None:
    """Run Python with these arguments; `folder` receives output (log.txt) and run times (seconds/).

    Errors: `UserError` with the command's own error, or its exit status. The process ends if this one does.
    """
    (folder / "seconds").mkdir(parents=True, exist_ok=True)
    log = folder / "log.txt"
    note = folder / "seconds" / f"{token_hex(4)}.json"
    with log.open("ab") as stream:
        begins = stream.tell()
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=_environment(threads),
            cwd=cwd,
            preexec_fn=_end_with(os.getpid()),
        )
        try:
            code, cpu = _wait(process, note, began)
        except BaseException:
            _end(process)
            raise
    write_json(note, {"wall": time.monotonic() - began, "cpu": cpu})
    if code:
        raise _failure(name, code, log, begins)


def seconds_used(folder: Path) -> Seconds:
    """Total run time of a folder's processes, including killed ones (minus up to five seconds)."""
    notes = [read_json(path) for path in sorted((folder / "seconds").glob("*.json"))]
    return Seconds(sum(note["wall"] for note in notes), sum(note["cpu"] for note in notes))


def pin_to(cores: Sequence[int]) -> None:
    """Restrict this process and its children to these cores. Errors: `UserError` for an unavailable core, or if the
    system cannot do it (macOS)."""
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("--cores needs Linux.", "Omit it.")
    allowed = os.sched_getaffinity(0)
    if strange := sorted(set(cores) - allowed):
        raise UserError(f"--cores {strange[0]}: no such core.", f"Cores: {', '.join(map(str, sorted(allowed)))}.")
    os.sched_setaffinity(0, set(cores))


def cpu_model() -> str:
    """The processor's name; numbers may differ in their last bits between models."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _environment(threads: int) -> dict[str, str]:
    """This process's environment, with all settings that affect the order of summation."""
    count = str(threads)
    python_path = os.pathsep.join(
        os.path.abspath(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place
    )
    own: Mapping[str, str] = {
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "GOMP_SPINCOUNT": "0",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        **({"PYTHONPATH": python_path} if python_path else {}),
    }
    return {**os.environ, **own}


def _wait(process: subprocess.Popen[bytes], note: Path, began: float) -> tuple[int, float]:
    """The exit code (negative: a signal) and CPU seconds of the process and its children."""
    noted = began
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, used.ru_utime + used.ru_stime
        if time.monotonic() - noted >= _NOTE_SECONDS:
            noted = time.monotonic()
            write_json(note, {"wall": noted - began, "cpu": _cpu_so_far(process.pid)})
        time.sleep(_POLL_SECONDS)


def _cpu_so_far(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # own and children's, user and system


def _end_with(parent: int) -> Callable[[], None]:
    """Run in the child before its program starts: on Linux, request SIGTERM when the parent dies."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        if sys.platform == "linux":
            libc.prctl(_PARENT_DIES, signal.SIGTERM)
        if os.getppid() != parent:  # it already died
            os._exit(1)

    return prepare


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _failure(name: str, code: int, log: Path, begins: int) -> UserError:
    with log.open("rb") as stream:
        stream.seek(begins)
        lines = stream.read().decode("utf-8", "replace").splitlines()
    told = max((at for at, line in enumerate(lines) if line.startswith("Error: ")), default=None)
    if code == 2 and told is not None and told + 1 < len(lines):
        return UserError(f"{name}: {lines[told].removeprefix('Error: ')}", lines[told + 1])
    how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"failed (exit code {code})"
    return UserError(f"{name} {how}.", f"Rerun the same command to resume. Log: {log}")
