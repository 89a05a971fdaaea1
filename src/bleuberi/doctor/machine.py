"""The machine that a run is meant for: its GPUs (here, or named), host memory and speeds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from bleuberi.errors import UserError


class Gpu(NamedTuple):
    """A GPU's figures from its data sheet: bytes of memory, dense 16-bit floating-point operations per second, bytes
    per second."""

    memory: float
    flops: float
    bandwidth: float


GPUS: Final = {
    "B200": Gpu(180e9, 2250e12, 8.0e12),
    "H200": Gpu(141e9, 989e12, 4.8e12),
    "H100": Gpu(80e9, 989e12, 3.35e12),
    "A100-80GB": Gpu(80e9, 312e12, 2.0e12),
    "A100-40GB": Gpu(40e9, 312e12, 1.55e12),
    "L40S": Gpu(48e9, 362e12, 0.864e12),
    "A10": Gpu(24e9, 125e12, 0.6e12),
    "L4": Gpu(24e9, 121e12, 0.3e12),
    "RTX4090": Gpu(24e9, 165e12, 1.0e12),
    "RTX3090": Gpu(24e9, 71e12, 0.936e12),
}
MATRIX_SHARE: Final = 0.4
"""Of a data sheet's operations, what training reaches; a rough, usual figure."""
BANDWIDTH_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Machine:
    """The resources of a run. `device_memory` is of one GPU; None if the run trains on the CPU or if it is unknown."""

    processes: int
    gpus_here: int
    on_cpu: bool
    device_memory: float | None
    device_name: str
    host_memory: float | None
    flops: float | None  # reached in training, of one device
    bandwidth: float | None
    assumed: bool = False  # a GPU that was named, not one that is here


def look_at_machine(
    processes: int, on_cpu: bool, gpu: str | None, gpu_memory: float | None, host_memory: float | None
) -> Machine:
    """This machine's resources, or those of the named one. Errors: `UserError` for an unknown GPU."""
    import torch

    here = torch.cuda.device_count() if torch.cuda.is_available() else 0
    host = host_memory if host_memory is not None else _host_memory()
    if on_cpu:
        return Machine(processes, here, True, None, "CPU", host, *_cpu_speed())
    if gpu is not None:
        known = GPUS.get(gpu)
        if known is None:
            raise UserError(f"No GPU is known as {gpu!r}.", f"Known: {', '.join(GPUS)}; or give --gpu_memory GB.")
        memory = gpu_memory or known.memory
        speeds = known.flops * MATRIX_SHARE, known.bandwidth * BANDWIDTH_SHARE
        return Machine(processes, here, False, memory, gpu, host_memory, *speeds, assumed=True)
    if gpu_memory is not None:
        return Machine(processes, here, False, gpu_memory, "GPU", host_memory, None, None, assumed=True)
    if not here:
        return Machine(processes, 0, False, None, "no GPU", host, None, None)
    properties = torch.cuda.get_device_properties(0)
    squeezed = properties.name.replace(" ", "").replace("-", "").upper()
    found = next((GPUS[name] for name in GPUS if name.replace("-", "").upper() in squeezed), None)
    flops = found.flops * MATRIX_SHARE if found else None
    bandwidth = found.bandwidth * BANDWIDTH_SHARE if found else None
    return Machine(processes, here, False, float(properties.total_memory), properties.name, host, flops, bandwidth)


def has_apple_gpu() -> bool:
    """Whether this is a Mac with a GPU that torch can use (MPS)."""
    import torch

    return bool(torch.backends.mps.is_available())


def _host_memory() -> float | None:
    """Bytes that are free for a new process; None if the system does not report it."""
    try:
        import psutil  # type: ignore[import-untyped]
    except ImportError:
        return None
    return float(psutil.virtual_memory().available)


def _cpu_speed() -> tuple[float, float]:
    """This process's operations and bytes per second on an idle machine, from a product of matrices and a sum over 128
    MB.

    Computed from CPU time, which other programs do not increase.
    """
    import torch

    matrix, row = torch.rand(1024, 1024), torch.rand(32 * 2**20)
    threads = torch.get_num_threads()

    def seconds(run: Callable[[], object]) -> float:
        best = float("inf")
        for _ in range(3):
            began = time.process_time()
            run()
            best = min(best, (time.process_time() - began) / threads)
        return max(best, 1e-6)

    return 2 * 1024**3 / seconds(lambda: matrix @ matrix), row.numel() * 4 / seconds(row.sum)
