"""Generate answers on the workers of a Ray cluster, each of which runs another engine.

Only the main process writes the cache; workers return answers and do not write our files.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bleuberi.cluster import Workers, connect, map_units, plan_workers
from bleuberi.errors import UserError
from bleuberi.generation.base import Output, Request, Sampling, Shard, ShardingEngine, StreamingEngine
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.options import EngineOptions
from bleuberi.generation.ray_work import ROWS_A_UNIT, ShardWork, StreamWork
from bleuberi.generation.transformers_engine import BATCHES_A_SHARD, ROWS_A_BATCH

log = logging.getLogger(__name__)

_ROWS_IN_WORK: Final = {"vllm": 1024, "canned": 128}  # per worker; vLLM schedules better with many rows
_UNITS_IN_WORK: Final = 4  # minimum, so that other units run while one waits for its slowest row


def ray_engine(identity: ModelIdentity, engine: str, options: EngineOptions) -> StreamingEngine | ShardingEngine:
    """The engine on the cluster given in the options. Errors: `UserError` for no cluster or too few GPUs."""
    identity, options = _found_from_anywhere(identity, options)
    needs_model = engine not in ("openai", "canned")
    workers = plan_workers(options.cluster, _gpus_needed(options) if needs_model else 0)
    if engine == "auto":
        engine = _pick_on_a_worker(options, workers)
    if engine == "vllm" and workers.gpus > 1:
        # A model's ranks are subprocesses of their worker, not separate Ray workers.
        args = {"distributed_executor_backend": "mp", **options.engine_args}
        options = replace(options, engine_args=args)
    if engine == "transformers":
        return RayShards(identity, options, workers)
    return RayStream(identity, engine, options, workers)


@dataclass(frozen=True, slots=True)
class RayShards:
    """Answers several shards at once, with the same rows, seeds and texts as one process."""

    identity: ModelIdentity
    options: EngineOptions
    workers: Workers

    @property
    def shard_rows(self) -> int:
        return BATCHES_A_SHARD * int(self.options.engine_args.get("batch_rows", ROWS_A_BATCH))

    def answer_shards(self, shards: Iterable[Shard], sampling: Sampling) -> Iterator[tuple[Shard, list[Output]]]:
        work = ShardWork(self.identity, "transformers", self.options, sampling)
        return map_units(work, shards, self.workers)


@dataclass(frozen=True, slots=True)
class RayStream:
    """Answers rows on engines that process many at once; rows are sent in small units."""

    identity: ModelIdentity
    engine: str
    options: EngineOptions
    workers: Workers

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        rows = _ROWS_IN_WORK.get(self.engine, 2 * self.options.concurrency)
        unit = min(ROWS_A_UNIT, -(-rows // _UNITS_IN_WORK))
        work = StreamWork(self.identity, self.engine, self.options, sampling)
        for asked, outputs in map_units(work, _units(requests, unit), self.workers, calls_at_once=-(-rows // unit)):
            yield from zip(asked, outputs, strict=True)


def _found_from_anywhere(identity: ModelIdentity, options: EngineOptions) -> tuple[ModelIdentity, EngineOptions]:
    """Make paths absolute, because a worker's current directory may differ."""
    if identity.revision.startswith("files:"):
        identity = replace(identity, model=str(Path(identity.model).expanduser().resolve()))
    if options.answers is not None:
        options = replace(options, answers=options.answers.resolve())
    return identity, options


def _units(requests: Iterable[Request], rows: int) -> Iterator[list[Request]]:
    waiting = iter(requests)
    for first in waiting:
        yield [first, *islice(waiting, rows - 1)]


def _gpus_needed(options: EngineOptions) -> int:
    """GPUs per worker, from vLLM's parallelism options."""
    return _number(options, "tensor_parallel_size") * _number(options, "pipeline_parallel_size")


def _number(options: EngineOptions, name: str) -> int:
    value = options.engine_args.get(name, 1)
    if not isinstance(value, int) or value < 1:
        raise UserError(f"Invalid --engine_args {name}={value!r}.", "Give an integer of at least 1.")
    return value


def _pick_on_a_worker(options: EngineOptions, workers: Workers) -> str:
    """Choose vLLM if a worker can run it. This machine is not checked, since it may have no GPU."""
    from bleuberi.generation.vllm_engine import vllm_obstacle

    ray: Any = connect(options.cluster)
    remote = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus)(vllm_obstacle)
    obstacle = ray.get(remote.remote())
    log.info("Engine of the workers: %s", f"transformers ({obstacle})" if obstacle else "vllm (they can run it)")
    return "transformers" if obstacle else "vllm"
