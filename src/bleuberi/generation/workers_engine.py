"""Engines that send units of rows to several worker processes, each of which runs another engine.

`ray_engine` maps units over a cluster, `gpu_workers` over the GPUs of this machine. Only the main process writes
the cache; workers return responses and do not write our files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

from bleuberi.generation.base import Output, Request, Sampling, Shard
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.openvino_engine import ROWS_AT_ONCE
from bleuberi.generation.options import EngineOptions, check_engine_args
from bleuberi.generation.transformers_engine import BATCHES_A_SHARD, ROWS_A_BATCH
from bleuberi.generation.worker_calls import ROWS_A_UNIT, ShardWork, StreamWork

_ROWS_IN_WORK: Final = {"vllm": 1024, "canned": 128}  # per worker; vLLM schedules better with many rows
_UNITS_IN_WORK: Final = 4  # minimum, so that other units run while one waits for its slowest row


class MapUnits(Protocol):
    """Maps units over workers."""

    def __call__(
        self, make_work: Callable[[], Callable[[Any], Any]], units: Iterable[Any], *, calls_at_once: int = 1
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each unit with its result, in any order. `make_work` is called once per worker and loads the engine."""
        ...


@dataclass(frozen=True, slots=True)
class WorkerShards:
    """Answers several shards at once, with the same rows, seeds and texts as one process."""

    identity: ModelIdentity
    options: EngineOptions
    map_units: MapUnits

    @property
    def shard_rows(self) -> int:
        return BATCHES_A_SHARD * int(self.options.engine_args.get("batch_rows", ROWS_A_BATCH))

    def answer_shards(self, shards: Iterable[Shard], sampling: Sampling) -> Iterator[tuple[Shard, list[Output]]]:
        return self.map_units(ShardWork(self.identity, "transformers", self.options, sampling), shards)


@dataclass(frozen=True, slots=True)
class WorkerStream:
    """Answers rows on engines that process many at once; rows are sent in small units."""

    identity: ModelIdentity
    engine: str
    options: EngineOptions
    map_units: MapUnits

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        rows = _ROWS_IN_WORK.get(self.engine, 2 * self._rows_at_once())
        unit = min(ROWS_A_UNIT, -(-rows // _UNITS_IN_WORK))
        work = StreamWork(self.identity, self.engine, self.options, sampling)
        for asked, outputs in self.map_units(work, _units(requests, unit), calls_at_once=-(-rows // unit)):
            yield from zip(asked, outputs, strict=True)

    def _rows_at_once(self) -> int:
        if self.engine == "openvino":
            return int(self.options.engine_args.get("batch_rows", ROWS_AT_ONCE))
        return self.options.concurrency


def over_workers(
    identity: ModelIdentity, engine: str, options: EngineOptions, map_units: MapUnits
) -> WorkerShards | WorkerStream:
    """The named engine on the workers of `map_units`. Errors: `UserError` for its arguments."""
    check_engine_args(engine, options.engine_args)
    if engine == "transformers":
        return WorkerShards(identity, options, map_units)
    return WorkerStream(identity, engine, options, map_units)


def gpus_per_engine(options: EngineOptions) -> int:
    """GPUs per engine, from vLLM's parallelism options. Errors: `UserError`."""
    check_engine_args("vllm", options.engine_args)
    tensor, pipeline = (options.engine_args.get(f"{name}_parallel_size", 1) for name in ("tensor", "pipeline"))
    return int(tensor * pipeline)


def _units(requests: Iterable[Request], rows: int) -> Iterator[list[Request]]:
    waiting = iter(requests)
    for first in waiting:
        yield [first, *islice(waiting, rows - 1)]
