"""Options: the cluster's address, and number and size of workers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.flags import flag


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Cluster settings. Without an address, Ray runs on this machine for the duration of the command."""

    # HOST:PORT of the cluster's head; `auto` on one of its machines.
    address: str | None = flag(None, "ray: cluster address, or auto (default: start Ray here)", metavar="HOST:PORT")
    workers: int | None = flag(None, "ray: number of workers (default: as many as fit)", metavar="N")
    gpus: int | None = flag(None, "ray: GPUs per worker (default: tensor_parallel_size, or 1)", metavar="N")

    @property
    def address_in_force(self) -> str | None:
        """The given address, else Ray's variable RAY_ADDRESS."""
        return self.address or os.environ.get("RAY_ADDRESS") or None

    def check(self) -> None:
        """Reject invalid options. Errors: `UserError`."""
        if self.workers is not None and self.workers < 1:
            raise UserError(f"--ray_workers must be at least 1 (got {self.workers}).", "Omit it for as many as fit.")
        if self.gpus is not None and self.gpus < 0:
            raise UserError(f"--ray_gpus must be at least 0 (got {self.gpus}).", "Give the number of GPUs per worker.")
        if self.address is not None and not self.address.strip():
            raise UserError(
                "--ray_address is empty.", "Write HOST:PORT; if it comes from a shell variable, check that it is set."
            )
        address = self.address_in_force
        if address is None or address in ("auto", "local"):
            return
        if address.startswith("ray://"):
            raise UserError(
                f"--ray_address {address} is a Ray Client address, which Ray Data does not support.",
                "Run the command on a machine of the cluster, with --ray_address auto.",
            )
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise UserError(
                f"--ray_address {address} is not an address.", "Write HOST:PORT of the cluster's head, or auto."
            )


def check_ray() -> None:
    """Errors: `UserError` with the install line if Ray is not installed."""
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", "--engine ray")
