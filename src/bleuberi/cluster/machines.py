"""Notice that a machine of the cluster is lost, and go on without it.

Ray gives a lost machine's worker no other place while the others are full, and waits for one for ever: whoever waits
for results has to look at the machines meanwhile.
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
_NOTICE_SECONDS: Final = 60.0  # Ray takes some 15 to believe that a machine is gone


class MachineLostError(Exception):
    """A machine of the cluster is gone, and what it had in work with it."""


def watched(results: Iterable[T], machines: int) -> Iterator[T]:
    """The results, none of them None, as they come; from a thread of its own where the cluster has several machines.

    Errors: `MachineLostError` where nothing comes and fewer than `machines` live; whatever `results` raises.
    """
    if machines == 1:
        yield from results
        return
    waiting = iter(results)
    pool = ThreadPool(1)  # its thread is a daemon: a stopped command does not wait for Ray
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
    """Whether fewer than `machines` live, now or as soon as Ray has noticed."""
    until = time.monotonic() + (_NOTICE_SECONDS if machines > 1 else 0)
    while len(living_machines()) >= machines:
        if time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def go_on_without(workers: Workers) -> Workers:
    """A session anew, which ends what waits for the lost machine, and the workers that have room on the others.

    Errors: `UserError` where none has.
    """
    import ray

    address = ray.get_runtime_context().gcs_address
    disconnect()
    connect(ClusterOptions(address=address))
    count = min(workers.count, sum(room_for(workers, machine) for machine in living_machines()))
    if not count:
        raise UserError(
            "A machine of the Ray cluster was lost, and no other has room for a worker.",
            "Bring it back: what was finished is kept, and the same command goes on.",
        )
    log.warning(
        "A machine of the Ray cluster was lost: what it had in work is done again on the others (%d workers).", count
    )
    return Workers(count, workers.cpus, workers.gpus)
