"""Keep a job running after a machine of the cluster dies.

If the other machines are full, Ray waits forever to place a lost machine's workers. So the code that waits for results
also has to check the machines.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import Any, Final, TypeVar

from bleuberi.cluster.options import ClusterOptions
from bleuberi.cluster.session import connect, disconnect
from bleuberi.cluster.workers import Workers, living_machines, room_for
from bleuberi.errors import UserError

T = TypeVar("T")

log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 2.0
_NOTICE_SECONDS: Final = 60.0  # Ray needs about 15 to notice a lost machine


class MachineLostError(Exception):
    """A machine of the cluster was lost together with its unfinished units."""


def watched(results: Iterable[T], machines: int) -> Iterator[T]:
    """Yield the results (never None) as they come, from a separate thread if the cluster has several machines.

    Errors: `MachineLostError` if no result comes and fewer than `machines` are alive; any error of `results`.
    """
    if machines == 1:
        yield from results
        return
    waiting = iter(results)
    pool = ThreadPool(1)  # a daemon thread, so that a stopped command does not wait for Ray
    try:
        while True:
            coming = pool.apply_async(next, (waiting, None))
            while not _is_there(coming):
                if len(living_machines()) < machines:
                    raise MachineLostError
            result = coming.get()
            if result is None:
                return
            yield result
    finally:
        pool.terminate()


def _is_there(coming: AsyncResult[Any]) -> bool:
    coming.wait(_LOOK_SECONDS)
    return coming.ready()


def machine_is_lost(machines: int) -> bool:
    """Whether fewer than `machines` are alive, waiting until Ray would have noticed a loss."""
    until = time.monotonic() + (_NOTICE_SECONDS if machines > 1 else 0)
    while len(living_machines()) >= machines:
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def go_on_without(workers: Workers) -> Workers:
    """Start a new session, which drops work waiting for the lost machine, and plan workers on the remaining machines.

    Errors: `UserError` if no other machine has room.
    """
    import ray

    address = ray.get_runtime_context().gcs_address
    disconnect()
    connect(ClusterOptions(address=address))
    count = min(workers.count, sum(room_for(workers, machine) for machine in living_machines()))
    if not count:
        raise UserError(
            "A machine of the Ray cluster was lost, and no other machine has room for a worker.",
            "Bring it back and rerun the command: finished work is kept and the command resumes.",
        )
    log.warning(
        "A machine of the Ray cluster was lost; its unfinished work is retried on the others (%d workers).", count
    )
    return Workers(count, workers.cpus, workers.gpus)
