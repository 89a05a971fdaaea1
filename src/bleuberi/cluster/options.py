"""Which cluster, and how many workers of which size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec

from bleuberi.errors import MissingExtraError, UserError


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Without an address a Ray of its own is started on this machine, and ends with the command."""

    address: str | None = None  # HOST:PORT of a cluster's head, or `auto` on one of its machines
    workers: int | None = None  # as many as fit where not given
    gpus: int | None = None  # of each worker; what the engine needs where not given

    @property
    def address_in_force(self) -> str | None:
        """The address given, else the one in Ray's own variable RAY_ADDRESS."""
        return self.address or os.environ.get("RAY_ADDRESS") or None

    def check(self) -> None:
        """Refuse what cannot work. Errors: `UserError`."""
        if self.workers is not None and self.workers < 1:
            raise UserError(f"--ray_workers is {self.workers}.", "Give at least 1, or leave it out: as many as fit.")
        if self.gpus is not None and self.gpus < 0:
            raise UserError(f"--ray_gpus is {self.gpus}.", "Give the GPUs of one worker: 0 (none), 1, 2 ...")
        if self.address is not None and not self.address.strip():
            raise UserError(
                "--ray_address is empty.", "Write HOST:PORT; if it comes from a shell variable, check that it is set."
            )
        address = self.address_in_force
        if address is None or address in ("auto", "local"):
            return
        if address.startswith("ray://"):
            raise UserError(
                f"--ray_address {address} is Ray Client, which Ray Data does not run over.",
                "Run the command on a machine of the cluster, with --ray_address auto.",
            )
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise UserError(
                f"--ray_address {address} is no address.", "Write HOST:PORT of the cluster's head, or auto."
            )


def check_ray() -> None:
    """Errors: `UserError` with the install line where Ray is not installed."""
    if find_spec("ray") is None:
        raise MissingExtraError("ray", "ray", "--engine ray")
