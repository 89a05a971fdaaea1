"""Map units of work over the workers of a cluster with Ray Data.

A unit is kept or lost as a whole. Finished units are yielded immediately, in any order. Dead workers restart, lost
machines are dropped, and only their unfinished units are retried.
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

WINDOW_UNITS: Final = 4096  # passed to Ray at a time, to limit memory
_MOST_DEATHS: Final = 5  # worker deaths on one unit before the unit is blamed


def map_units(
    make_work: Callable[[], Callable[[U], R]],  # called once in each worker, e.g. to load a model
    units: Iterable[U],
    workers: Workers,
    *,
    calls_at_once: int = 1,  # units processed at once in one worker, one thread each
) -> Iterator[tuple[U, R]]:
    """Yield each unit with its result, as it finishes. Call `connect` first.

    Errors: a worker's `UserError`; `UserError` if a unit kills every worker that runs it.
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
    """Yield remaining units with results, and remove them from `left`. Errors: also `MachineLostError`."""
    import ray

    gc.collect()  # workers of an earlier pass keep their cores while reference cycles hold them
    machines = len(living_machines())
    told: set[str] = {""}
    try:
        for number, result, restarted in watched(_run(make_work, dict(left), workers, calls_at_once), machines):
            if restarted not in told:
                log.warning("A Ray worker died and was restarted; only its unfinished work is retried.")
            told.add(restarted)
            if isinstance(result, UserError):
                raise result
            if number in left:  # Ray may repeat a unit if a machine is lost with its results
                yield left.pop(number), result
    except ray.exceptions.RayActorError as error:
        if error.actor_init_failed:
            raise  # a bug in our code; keep its traceback
        lost = machine_is_lost(machines)
    else:
        return
    # Not chained to Ray's error, which would keep the workers and their cores.
    if lost:
        raise MachineLostError
    raise UserError(
        f"Ray workers died {_MOST_DEATHS + 1} times on the same rows (out of memory?).",
        "Their logs are in /tmp/ray/session_latest/logs. Rerun the command to resume; finished work is kept.",
    )


class RayWorker(Generic[U, R]):
    """The object that Ray Data creates in each worker process."""

    def __init__(self, make_work: Callable[[], Callable[[U], R]]) -> None:
        self._restarted = f"{platform.node()}:{os.getpid()}" if _took_a_place() else ""
        self._trouble: UserError | None = None
        try:
            self._work = make_work()
        except UserError as error:
            self._trouble = error  # returned with the first unit; raised here, Ray would wrap it

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
    """Whether this worker replaces one that died."""
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Ray's own warning, about a property it reads itself
        return bool(ray.get_runtime_context().was_current_actor_reconstructed)


def _survival() -> dict[str, int]:
    """Ray options: unlimited worker restarts, but limited retries per unit."""
    return {"max_restarts": -1, "max_task_retries": _MOST_DEATHS}


def _run(
    make_work: Callable[[], Callable[[U], R]], units: dict[int, U], workers: Workers, calls_at_once: int
) -> Iterator[tuple[int, R | UserError, str]]:
    """Each unit's number and result, or the worker's error; also the worker's name if it replaces a dead one."""
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
