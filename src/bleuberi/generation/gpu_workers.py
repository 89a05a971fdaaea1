"""Map units of work over the GPUs of this machine: one process per engine, which sees only its own GPUs.

`python -m bleuberi.generation.gpu_workers FD` is such a process; FD is one end of a pipe.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Final

from bleuberi.errors import UserError

DEVICES: Final = "CUDA_VISIBLE_DEVICES"
_MOST_DEATHS: Final = 3  # of workers on the same unit
_QUEUED: Final = 1  # units queued per worker, so that it does not wait for the main process


@dataclass(slots=True)
class _Worker:
    """A process, our end of its pipe, and its unfinished units."""

    devices: str  # as in CUDA_VISIBLE_DEVICES, e.g. "0" or "2,3"
    process: subprocess.Popen[bytes]
    pipe: Connection
    in_work: dict[int, Any] = field(default_factory=dict)

    def end(self) -> int:
        """Kill the process and return its exit code."""
        self.pipe.close()
        self.process.kill()
        return self.process.wait()


@dataclass(frozen=True, slots=True)
class GpuMap:
    """Implements `bleuberi.generation.workers_engine.MapUnits`. `groups`: the devices of each worker."""

    groups: Sequence[str]

    def __call__(
        self, make_work: Callable[[], Callable[[Any], Any]], units: Iterable[Any], *, calls_at_once: int = 1
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each unit with its result, as it finishes; `make_work` and units are pickled. Dead workers are replaced
        and their units retried. Errors: as raised by a worker; `UserError` if workers keep dying on a unit."""
        waiting = enumerate(units)
        again: deque[tuple[int, Any]] = deque()
        deaths: Counter[int] = Counter()
        workers = [_start(devices, make_work, calls_at_once) for devices in self.groups]
        try:
            while True:
                for worker in workers:
                    _feed(worker, again, waiting, calls_at_once + _QUEUED)
                busy = {worker.pipe: worker for worker in workers if worker.in_work}
                if not busy:
                    return
                for pipe in wait(list(busy)):
                    worker = busy[pipe]  # type: ignore[index]  # only pipes of ours are waited for
                    try:
                        number, result, error = worker.pipe.recv()
                    except (EOFError, OSError):
                        again.extend(worker.in_work.items())
                        _count_deaths(worker, deaths)
                        workers[workers.index(worker)] = _start(worker.devices, make_work, calls_at_once)
                        continue
                    if error is not None:
                        raise error
                    yield worker.in_work.pop(number), result
        finally:
            for worker in workers:
                worker.end()


def _start(devices: str, make_work: Callable[[], Callable[[Any], Any]], calls_at_once: int) -> _Worker:
    ours, theirs = Pipe()
    command = [sys.executable, "-m", __name__, str(theirs.fileno())]
    process = subprocess.Popen(
        command,
        env={"TQDM_DISABLE": "1", **os.environ, DEVICES: devices},  # no bar of each worker: the main process has one
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno() if _has_file(sys.stderr) else subprocess.DEVNULL,  # our results go to stdout
    )
    theirs.close()  # so that the pipe closes when the process ends
    worker = _Worker(devices, process, ours)
    with contextlib.suppress(BrokenPipeError):  # already ended; noticed at the first unit
        ours.send((make_work, calls_at_once))
    return worker


def _has_file(stream: Any) -> bool:  # noqa: ANN401 - whatever stands in for stderr
    try:
        return bool(stream.fileno() >= 0)
    except (AttributeError, OSError, ValueError):
        return False


def _feed(worker: _Worker, again: deque[tuple[int, Any]], waiting: Iterator[tuple[int, Any]], most: int) -> None:
    while len(worker.in_work) < most:
        task = again.popleft() if again else next(waiting, None)
        if task is None:
            return
        worker.in_work[task[0]] = task[1]
        try:
            worker.pipe.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return  # its end is noticed when its pipe is read


def _count_deaths(worker: _Worker, deaths: Counter[int]) -> None:
    """Errors: `UserError` after the third death on one unit."""
    code = worker.end()
    deaths.update(worker.in_work.keys())
    if max(deaths.values(), default=0) >= _MOST_DEATHS:
        raise UserError(
            f"The process on GPU {worker.devices} ended {_MOST_DEATHS} times (exit code {code}) with the same rows.",
            "Its own message is above. If memory ran out, lower batch_rows or gpu_memory_utilization in --engine_args.",
        )


def serve(pipe: Connection) -> None:
    """Load the first message's work, then answer units until the pipe closes."""
    make_work, calls_at_once = pipe.recv()
    sending = threading.Lock()

    def send(number: int | None, result: Any, error: BaseException | None) -> None:  # noqa: ANN401
        with sending:
            pipe.send((number, result, error))

    try:
        call = make_work()
    except Exception as error:  # noqa: BLE001 - it is raised again in the process that asked
        send(None, None, _portable(error))
        return

    def answer(number: int, unit: Any) -> None:  # noqa: ANN401
        try:
            result = call(unit)
        except Exception as error:  # noqa: BLE001 - it is raised again in the process that asked
            send(number, None, _portable(error))
        else:
            send(number, result, None)

    pool = ThreadPoolExecutor(calls_at_once)
    while True:
        pool.submit(answer, *pipe.recv())


def _portable(error: Exception) -> Exception:
    """The error if it can be sent, else one with its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an error of any class can fail in any way
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the main process, which ends this one
    with contextlib.suppress(EOFError, OSError):
        serve(Connection(int(sys.argv[1])))
    os._exit(0)  # the main process has ended; running threads would keep the GPU
