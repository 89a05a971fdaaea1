"""Assumptions of `bleuberi doctor`.

The fields are also flags, so `--help` loads this module too; it imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bleuberi.flags import flag

if TYPE_CHECKING:
    from bleuberi.training.settings.read import Method


@dataclass(frozen=True, slots=True)
class Asked:
    """The machine and the data that the preflight assumes. Memory in gigabytes."""

    method: Method | None = flag(None, "default: inferred from the config's fields", choices=("grpo", "sft", "dpo"))
    processes: int | None = flag(None, "total processes, one per GPU (default: as launched, else 1)", metavar="N")
    nodes: int = flag(1, "number of machines", metavar="N")
    gpu: str | None = flag(None, "target GPU, e.g. H100, A100-80GB, L4 (default: this machine's GPU)", metavar="NAME")
    gpu_memory: float | None = flag(None, "memory of one GPU, if --gpu does not know its name", metavar="GB")
    host_memory: float | None = flag(None, "host memory (without --gpu: this machine's free memory)", metavar="GB")
    deepspeed: Path | None = flag(None, "DeepSpeed config of the run: a file, or zero2, zero3", metavar="FILE")
    launch: Path | None = flag(None, "accelerate config of the run: a file, or one_node, fsdp2", metavar="FILE")
    planned_rows: int | None = flag(
        None, "assume so many rows; the data set is not read and need not exist, so its texts are not checked",
        metavar="N",
    )  # fmt: skip
    pool: str | None = flag(
        None, "with --planned_rows: check the lengths of the texts in the pool's first rows", metavar="POOL"
    )
    ref_models: tuple[str, ...] = flag(("gold",), "with --pool: reference models", metavar="NAME")
