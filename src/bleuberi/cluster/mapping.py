"""Map units of work over the workers of a cluster with Ray Data.

A unit is what is kept or lost together. Each finished unit comes back at once, in any order; a worker that dies is
started anew, a machine that is lost is done without, and only what they had in work is done again.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import platform
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from bleuberi.cluster.machines import MachineLostError, go_on_without, machine_is_lost, watched
from bleuberi.cluster.workers import Workers, living_machines
from bleuberi.errors import UserError

U = TypeVar("U")
R = TypeVar("R")

log = logging.getLogger(__name__)

WINDOW_UNITS: Final = 4096  # handed to Ray at a time, so that memory does not grow with the work
_MOST_DEATHS: Final = 5  # of workers on one unit, before the unit is what kills them


def map_units(
    make_work: Callable[[], Callable[[U], R]],  # called once in each worker; loads what is needed
    units: Iterable[U],
    workers: Workers,
    *,
    calls_at_once: int = 1,  # units in work in one worker, each in a thread of its own
) -> Iterator[tuple[U, R]]:
    """Each unit with its result, as it comes. A session must be there (`connect`).

    Errors: the `UserError` that a worker raised; one where a unit kills every worker that takes it.
    """
    waiting = iter(units)
    while window := list(islice(waiting, WINDOW_UNITS)):
        left = dict(enumerate(window))
        while left:
            try:
                yield from _pass(make_work, left, workers, calls_at_once)
            except MachineLostError:
                workers = go_on_without(workers)
            else:
                if left:
                    raise LookupError(f"Ray lost {len(left)} units of work")


def _pass(
    make_work: Callable[[], Callable[[U], R]], left: dict[int, U], workers: Workers, calls_at_once: int
) -> Iterator[tuple[U, R]]:
    """Each unit that is left with its result; it is left no longer then. Errors: also `MachineLostError`."""
    import ray

    gc.collect()  # workers of an earlier pass live, and keep their cores, as long as anything of it lies in a cycle
    machines = len(living_machines())
    told: set[str] = {""}
    try:
        for number, result, restarted in watched(_run(make_work, dict(left), workers, calls_at_once), machines):
            if restarted not in told:
                log.warning("A Ray worker died and was started anew; only what it had in work is done again.")
            told.add(restarted)
            if isinstance(result, UserError):
                raise result
            if number in left:  # Ray may do a unit twice where a machine is lost with its results
                yield left.pop(number), result
    except ray.exceptions.RayActorError as error:
        if error.actor_init_failed:
            raise  # a bug in our own code, which keeps its traceback
        lost = machine_is_lost(machines)
    else:
        return
    # Not raised from Ray's error: that one holds on to the workers, and they to their cores.
    if lost:
        raise MachineLostError
    raise UserError(
        f"Ray workers died {_MOST_DEATHS + 1} times on the same rows (out of memory?).",
        "Their logs are in /tmp/ray/session_latest/logs. What was finished is kept: the same command goes on.",
    )


class RayWorker(Generic[U, R]):
    """What Ray Data keeps in each of its worker processes."""

    def __init__(self, make_work: Callable[[], Callable[[U], R]]) -> None:
        self._restarted = f"{platform.node()}:{os.getpid()}" if _took_a_place() else ""
        self._trouble: UserError | None = None
        try:
            self._work = make_work()
        except UserError as error:
            self._trouble = error  # told with the first unit: from here Ray would wrap it in its own

    def __call__(self, batch: Any) -> Any:  # noqa: ANN401 - a pyarrow.Table of one row: number, unit
        import pyarrow as pa

        result: R | UserError
        try:
            result = self._trouble or self._work(pickle.loads(batch["unit"][0].as_py()))
        except UserError as error:
            result = error
        return pa.table(
            {
                "number": batch["number"],
                "result": pa.array([pickle.dumps(result)], pa.binary()),
                "restarted": [self._restarted],
            }
        )


def _took_a_place() -> bool:
    """Whether this worker stands for one that died."""
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray's, of a property of its own that it reads for this
        return bool(ray.get_runtime_context().was_current_actor_reconstructed)


def _survival() -> dict[str, int]:
    """Ray's words for: workers may die as often as they like, but not of the same unit."""
    return {"max_restarts": -1, "max_task_retries": _MOST_DEATHS}


def _run(
    make_work: Callable[[], Callable[[U], R]], units: dict[int, U], workers: Workers, calls_at_once: int
) -> Iterator[tuple[int, R | UserError, str]]:
    """Number and result of each unit, or what its worker refused; the worker's name if it took a dead one's place."""
    import pyarrow as pa
    import ray.data

    data = ray.data.from_blocks(
        [
            pa.table({"number": [number], "unit": pa.array([pickle.dumps(unit)], pa.binary())})
            for number, unit in units.items()
        ]
    ).map_batches(
        RayWorker,
        fn_constructor_kwargs={"make_work": make_work},
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(
            size=min(workers.count, len(units)),
            max_concurrent_calls_per_actor=calls_at_once,
            max_tasks_in_flight_per_actor=calls_at_once + 1,
            enable_true_multi_threading=calls_at_once > 1,
        ),
        num_cpus=workers.cpus,
        num_gpus=workers.gpus,
        ray_remote_args_fn=_survival,
    )
    for batch in data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        for row in batch.to_pylist():
            yield row["number"], pickle.loads(row["result"]), row["restarted"]
