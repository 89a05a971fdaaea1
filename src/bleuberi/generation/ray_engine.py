"""Generate answers on the workers of a Ray cluster, each of which runs another engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bleuberi.cluster.mapping import map_units
from bleuberi.cluster.session import connect
from bleuberi.cluster.workers import Workers, plan_workers
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.options import EngineOptions
from bleuberi.generation.workers_engine import WorkerShards, WorkerStream, gpus_per_engine, over_workers

log = logging.getLogger(__name__)


def ray_engine(identity: ModelIdentity, engine: str, options: EngineOptions) -> WorkerShards | WorkerStream:
    """The engine on the cluster given in the options. Errors: `UserError` for no cluster or too few GPUs."""
    identity, options = _found_from_anywhere(identity, options)
    on_gpus = engine not in ("openai", "canned", "openvino")
    workers = plan_workers(options.cluster, gpus_per_engine(options) if on_gpus else 0)
    if engine == "auto":
        engine = _pick_on_a_worker(options, workers)
    if engine == "vllm" and workers.gpus > 1:
        # A model's ranks are subprocesses of their worker, not separate Ray workers.
        args = {"distributed_executor_backend": "mp", **options.engine_args}
        options = replace(options, engine_args=args)

    def over_cluster(
        make_work: Callable[[], Callable[[Any], Any]], units: Iterable[Any], *, calls_at_once: int = 1
    ) -> Iterator[tuple[Any, Any]]:
        return map_units(make_work, units, workers, calls_at_once=calls_at_once)

    return over_workers(identity, engine, options, over_cluster)


def _found_from_anywhere(identity: ModelIdentity, options: EngineOptions) -> tuple[ModelIdentity, EngineOptions]:
    """Make paths absolute, because a worker's current directory may differ."""
    if identity.revision.startswith("files:"):
        identity = replace(identity, model=str(Path(identity.model).expanduser().resolve()))
    if options.answers is not None:
        options = replace(options, answers=options.answers.resolve())
    return identity, options


def _pick_on_a_worker(options: EngineOptions, workers: Workers) -> str:
    """Choose vLLM if a worker can run it. This machine is not checked, since it may have no GPU."""
    from bleuberi.generation.vllm_engine import vllm_obstacle

    ray: Any = connect(options.cluster)
    remote = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus)(vllm_obstacle)
    obstacle = ray.get(remote.remote())
    log.info("Engine of the workers: %s", f"transformers ({obstacle})" if obstacle else "vllm (they can run it)")
    return "transformers" if obstacle else "vllm"
