"""Plan the number and size of workers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NamedTuple

from bleuberi.cluster.options import ClusterOptions
from bleuberi.cluster.session import connect
from bleuberi.errors import UserError

log = logging.getLogger(__name__)


class Machine(NamedTuple):
    """The resources of one machine of the cluster."""

    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Workers:
    """The number of workers, and cores and GPUs per worker. A worker never spans machines."""

    count: int
    cpus: int
    gpus: int


def plan_workers(options: ClusterOptions, gpus_needed: int = 1) -> Workers:
    """The workers that fit the cluster, or the requested ones.

    `gpus_needed`: GPUs per worker if the machines have GPUs and no number was given; 0 for work without a model.
    Errors: `UserError` if more is requested than available.
    """
    connect(options)
    machines = living_machines()
    workers = fit_workers(options, machines, gpus_needed)
    log.info(
        "%d Ray %s on %d %s, each with %s",
        workers.count,
        _plural(workers.count, "worker"),
        len(machines),
        _plural(len(machines), "machine"),
        f"{workers.gpus} GPU" if workers.gpus else f"{workers.cpus} CPU",
    )
    return workers


def living_machines() -> list[Machine]:
    """The machines that Ray considers alive. Call `connect` first."""
    import ray

    return [
        Machine(int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0)))
        for node in ray.nodes()
        if node["Alive"]
    ]


def room_for(workers: Workers, machine: Machine) -> int:
    """The number of these workers that fit on a machine."""
    return min(machine.cpus // workers.cpus, machine.gpus // workers.gpus if workers.gpus else machine.cpus)


def fit_workers(options: ClusterOptions, machines: list[Machine], gpus_needed: int) -> Workers:
    """The same as `plan_workers`, for the given machines."""
    there = sum(machine.gpus for machine in machines)
    gpus = options.gpus if options.gpus is not None else (gpus_needed if there else 0)
    if gpus:
        room = sum(machine.gpus // gpus for machine in machines)
        wanted = options.workers or max(1, room)
        if wanted > room:
            each = ", ".join(str(machine.gpus) for machine in machines)
            raise UserError(
                f"You asked for {wanted} {_plural(wanted, 'worker')} with {gpus} GPU each, but the cluster has room "
                f"for {room}. GPUs per machine: {each}.",
                "Lower --ray_workers, or lower --ray_gpus and tensor_parallel_size; --ray_gpus 0 runs on CPUs.",
            )
        return Workers(wanted, 1, gpus)
    busy = [machine for machine in machines if machine.cpus]
    wanted = options.workers or max(1, len(busy))
    cores = sum(machine.cpus for machine in busy)
    if wanted > cores:
        raise UserError(
            f"{wanted} {_plural(wanted, 'worker')} requested, but the cluster has {cores} CPU.",
            "Lower --ray_workers, or omit it for one per machine.",
        )
    # As many cores as are available on any machine.
    cpus = max(1, cores // wanted)
    while cpus > 1 and sum(machine.cpus // cpus for machine in busy) < wanted:
        cpus -= 1
    return Workers(wanted, cpus, 0)


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else noun + "s"
