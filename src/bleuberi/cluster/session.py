"""Begin and end a Ray session, quietly."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any, Final

from bleuberi.cluster.options import ClusterOptions, check_ray
from bleuberi.errors import UserError

log = logging.getLogger(__name__)

# Read by Ray while it is imported and while its processes start.
_SWITCHES: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anyone
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # under `uv run` it would upload the working directory
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # a worker's death takes it a page on our standard output; we say it in a line
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # its C++ part writes to our terminal otherwise
}
_REACH_SECONDS: Final = 5.0


def connect(options: ClusterOptions) -> Any:  # noqa: ANN401 - the module `ray`, which is loaded here for the first time
    """The module `ray`, with a session. One that is there already is used as it is.

    Ray closes its processes when this one ends, also when it is killed. Errors: `UserError`.
    """
    check_ray()
    options.check()
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    if not ray.is_initialized():
        address = options.address_in_force or "local"
        if address not in ("local", "auto"):
            _reach(address)
        settings: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": logging.ERROR}
        if address == "local":
            cores = os.cpu_count() or 1
            settings |= {"num_cpus": max(cores, options.workers or 1), "include_dashboard": False}
        try:
            with _quiet_terminal():
                ray.init(**settings)
        except Exception as error:
            # Ray raises the bare class where its processes take more than half a minute to start.
            if type(error) is not Exception and not isinstance(error, ConnectionError | TimeoutError | RuntimeError):
                raise
            raise _no_cluster(address, error) from error
        where = "of its own on this machine" if address == "local" else f"at {address}"
        log.info("Ray %s %s", ray.__version__, where)
    _silence_ray_data()
    return ray


def disconnect() -> None:
    """End the session; a Ray that was started here ends with it."""
    import ray

    ray.shutdown()


@contextlib.contextmanager
def _quiet_terminal() -> Iterator[None]:
    """Ray's C++ part says on standard error that it was told to be quiet, past Python's own stream."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _silence_ray_data() -> None:
    """Its progress bars and its lines about every execution: ours tell how far the work is."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for handler in logging.getLogger("ray.data").handlers:
        if handler.name == "console":  # the other one writes Ray's own log file
            handler.setLevel(logging.CRITICAL)


def _reach(address: str) -> None:
    """Ray itself tries for half a minute before it says in many lines that nobody listens."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _REACH_SECONDS).close()
    except OSError as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> UserError:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    if address == "local":
        return UserError(f"Ray could not be started on this machine: {reason}", "Its logs are in /tmp/ray.")
    if "AuthToken" in f"{error} {error.__cause__}":
        return UserError(
            f"The Ray cluster at {address} asks for a token, which this command did not show.",
            "Set RAY_AUTH_MODE=token, and have ~/.ray/auth_token of the cluster's first machine here too.",
        )
    return UserError(
        f"The Ray cluster at {address} cannot be reached: {reason}",
        "Check --ray_address and `ray status` there; without --ray_address a Ray is started on this machine.",
    )
