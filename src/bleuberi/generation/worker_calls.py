"""The work of a worker process: load an engine, answer units of rows."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from bleuberi.errors import UserError
from bleuberi.generation import engine_identity, load_engine
from bleuberi.generation.base import Engine, Output, Request, Sampling, Shard, StreamingEngine
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.options import EngineOptions

ROWS_A_UNIT: Final = 64  # for streams: a dying worker loses up to this many answers per unfinished unit


@dataclass(frozen=True, slots=True)
class _Work:
    """The job sent to workers: model and options. Calling it loads the engine."""

    identity: ModelIdentity
    engine: str
    options: EngineOptions
    sampling: Sampling

    def load(self) -> Engine | StreamingEngine:
        """Errors: `UserError`, also if this machine has a different model of that name than the main process."""
        model = self.identity.model
        if engine_identity(model, self.engine, self.options).key() != self.identity.key():
            raise UserError(
                f"A worker has a different {model} than this machine, so answers of two models would be mixed.",
                "Put the same files at the same path on every machine, ideally on a shared disk.",
            )
        return load_engine(model, self.engine, self.options)


class ShardWork(_Work):
    """Generates whole shards, one after the other."""

    __slots__ = ()

    def __call__(self) -> Callable[[Shard], list[Output]]:
        engine = self.load()
        if isinstance(engine, StreamingEngine):
            raise TypeError(f"the engine {self.engine} answers no shards")
        return lambda shard: engine.generate(shard.conversations, self.sampling, shard.seed, lambda output: None)


class StreamWork(_Work):
    """Generates several units of rows at once in one shared stream, so that the engine never waits between units."""

    __slots__ = ()

    def __call__(self) -> Callable[[list[Request]], list[Output]]:
        engine = self.load()
        if not isinstance(engine, StreamingEngine):
            raise TypeError(f"the engine {self.engine} answers no streams")
        stream = _EndlessStream(engine, self.sampling)
        threading.Thread(target=stream.run, daemon=True).start()
        return stream.answer


class _EndlessStream:
    """One thread runs the engine; the units' threads send it rows and wait for their answers."""

    def __init__(self, engine: StreamingEngine, sampling: Sampling) -> None:
        self._engine = engine
        self._sampling = sampling
        self._waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._answers: dict[str, Future[Output]] = {}  # by key: keys are unique within a run
        self._failure: BaseException | None = None

    def answer(self, unit: list[Request]) -> list[Output]:
        """The unit's outputs in its order. Errors: as raised by the engine."""
        futures: list[Future[Output]] = [Future() for _ in unit]
        self._answers.update({request.key: future for request, future in zip(unit, futures, strict=True)})
        for request in unit:
            self._waiting.put(request)
        if self._failure is not None:
            raise self._failure
        return [future.result() for future in futures]

    def run(self) -> None:
        """Serve until the process ends, or the engine fails."""
        try:
            while True:
                feed = _Feed(self._waiting)
                for request, output in self._engine.stream(feed, self._sampling):
                    self._answers.pop(request.key).set_result(output)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the threads that wait
            self._failure = error
            for future in list(self._answers.values()):
                future.set_exception(error)


class _Feed(Iterator[Request]):
    """Waits for the first row, then yields available rows and stops, so that running rows are not delayed."""

    def __init__(self, waiting: queue.SimpleQueue[Request]) -> None:
        self._waiting = waiting
        self._begun = False

    def __next__(self) -> Request:
        try:
            request = self._waiting.get(block=not self._begun)
        except queue.Empty:
            raise StopIteration from None
        self._begun = True
        return request
