"""Start and end a Ray session without Ray's own output."""

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

# Ray reads these during import and while its processes start.
_SWITCHES: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # otherwise `uv run` uploads the working directory
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # Ray prints a page per dead worker; we log one line
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # otherwise Ray's C++ part writes to the terminal
}
_REACH_SECONDS: Final = 5.0


def connect(options: ClusterOptions) -> Any:  # noqa: ANN401 - the module `ray`, imported lazily
    """Start a session, or reuse the existing one, and return the module `ray`.

    Ray ends its processes when this process ends or is killed. Errors: `UserError`.
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
            # Ray raises the bare class if its processes take over half a minute to start.
            if type(error) is not Exception and not isinstance(error, ConnectionError | TimeoutError | RuntimeError):
                raise
            raise _no_cluster(address, error) from error
        where = "started on this machine" if address == "local" else f"at {address}"
        log.info("Ray %s %s", ray.__version__, where)
    _silence_ray_data()
    return ray


def disconnect() -> None:
    """End the session; a Ray started here is shut down."""
    import ray

    ray.shutdown()


@contextlib.contextmanager
def _quiet_terminal() -> Iterator[None]:
    """Suppress a line of Ray's C++ part, which bypasses Python's standard error."""
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
    """Turn off Ray Data's progress bars and log lines; we show our own progress."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for handler in logging.getLogger("ray.data").handlers:
        if handler.name == "console":  # the other one writes Ray's own log file
            handler.setLevel(logging.CRITICAL)


def _reach(address: str) -> None:
    """Check quickly that the address is reachable: Ray itself would retry for half a minute."""
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
            f"The Ray cluster at {address} requires a token, which this command did not send.",
            "Set RAY_AUTH_MODE=token and copy ~/.ray/auth_token from the cluster's head to this machine.",
        )
    return UserError(
        f"The Ray cluster at {address} cannot be reached: {reason}",
        "Check --ray_address, and run `ray status` on that machine. Or omit --ray_address to run Ray on this machine.",
    )
