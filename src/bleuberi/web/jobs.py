"""Send many requests at once, on an event loop in a separate thread.

The caller's thread only waits, so Ctrl-C and SIGTERM interrupt it immediately. The thread is a daemon, so the process
can end even if a server hangs.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from itertools import islice
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_CLOSING_SECONDS: Final = 2.0


def as_finished(
    items: Iterable[T],
    job: Callable[[T], Coroutine[Any, Any, R]],
    at_once: int,
    *,
    close: Callable[[], Awaitable[None]],  # what the jobs opened
    may_start: Callable[[], bool] = lambda: True,  # asked before each new item
) -> Iterator[tuple[T, R]]:
    """Yield each item with its job's result, in the order in which the jobs finish. Items are taken by the caller's
    thread.

    After a job's error no further item is taken; the results of running jobs are yielded before the error is raised.
    """
    done: queue.SimpleQueue[tuple[T, Future[R]]] = queue.SimpleQueue()
    waiting = iter(items)
    in_work = 0
    failure: BaseException | None = None
    with _loop_thread(close) as loop:
        while True:
            if failure is None and may_start():
                for item in islice(waiting, at_once - in_work):
                    future = asyncio.run_coroutine_threadsafe(job(item), loop)
                    future.add_done_callback(partial(_hand_on, done, item))
                    in_work += 1
            if not in_work:
                break
            item, future = done.get()
            in_work -= 1
            try:
                result = future.result()
            except Exception as error:  # noqa: BLE001 - raised below, when the others have ended
                failure = failure or error
            else:
                yield item, result
    if failure is not None:
        raise failure


def _hand_on(done: queue.SimpleQueue[tuple[T, Future[R]]], item: T, future: Future[R]) -> None:
    done.put((item, future))


@contextlib.contextmanager
def _loop_thread(close: Callable[[], Awaitable[None]]) -> Iterator[asyncio.AbstractEventLoop]:
    loop = _Loop()
    thread = threading.Thread(target=loop.run_forever, name="requests", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        # Not waited for much longer than a moment: the process may be about to end.
        ending = asyncio.run_coroutine_threadsafe(_end(close), loop)
        with contextlib.suppress(TimeoutError, CancelledError):
            ending.result(_CLOSING_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLOSING_SECONDS)
        if not thread.is_alive():
            loop.close()


async def _end(close: Callable[[], Awaitable[None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await close()


class _Loop(asyncio.SelectorEventLoop):
    """Resolves host names in daemon threads: at exit Python waits for asyncio's own threads, and a resolver can
    hang."""

    async def getaddrinfo(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as asyncio's own
        found: asyncio.Future[Any] = self.create_future()
        threading.Thread(target=_look_up, args=(self, found, given, named), daemon=True).start()
        return await found


def _look_up(loop: _Loop, found: asyncio.Future[Any], given: tuple[Any, ...], named: dict[str, Any]) -> None:
    result: Any = None
    error: Exception | None = None
    try:
        result = socket.getaddrinfo(*given, **named)
    except (OSError, ValueError) as caught:  # ValueError: a name that IDNA refuses
        error = caught if isinstance(caught, OSError) else OSError(str(caught))

    def tell() -> None:
        if found.done():  # nobody waits any more
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(result)

    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(tell)
