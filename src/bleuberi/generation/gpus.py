"""Spread engines over this machine's GPUs: number of engines, and GPUs per engine."""

from __future__ import annotations

import logging
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Final

from bleuberi.errors import UserError
from bleuberi.generation.gpu_workers import DEVICES, GpuMap
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.options import EngineOptions
from bleuberi.generation.workers_engine import WorkerShards, WorkerStream, gpus_per_engine, over_workers

log = logging.getLogger(__name__)

_SHARE_OF_WEIGHTS: Final = 0.7  # of a GPU's memory; vLLM uses 0.9 and needs the rest for keys and values


def engine_on_gpus(
    identity: ModelIdentity, engine: str, options: EngineOptions
) -> tuple[EngineOptions, WorkerShards | WorkerStream | None]:
    """The engine on all GPUs, or None if one process is enough; and the options to use.

    A process started by a launcher shares the GPUs with others, so it uses only its own. Errors: `UserError`
    if an engine needs more GPUs than there are.
    """
    if engine not in ("vllm", "transformers") or "LOCAL_RANK" in os.environ:
        return options, None
    gpus = visible_gpus()
    if engine == "vllm" and not options.engine_args.keys() & {"tensor_parallel_size", "pipeline_parallel_size"}:
        options = _spread(identity.model, options, len(gpus))
    each = gpus_per_engine(options) if engine == "vllm" else 1
    if each > max(len(gpus), 1):
        raise UserError(
            f"One engine needs {each} GPUs, and {len(gpus)} are visible.",
            "Lower tensor_parallel_size in --engine_args, or make more GPUs visible.",
        )
    groups = [",".join(gpus[start : start + each]) for start in range(0, len(gpus) - each + 1, each)]
    if len(groups) < 2:
        return options, None
    log.info("%d engines of %d GPU%s each answer", len(groups), each, "" if each == 1 else "s")
    return options, over_workers(identity, engine, options, GpuMap(groups))


def visible_gpus() -> list[str]:
    """The GPUs, named as in CUDA_VISIBLE_DEVICES. Does not initialize CUDA in this process."""
    named = os.environ.get(DEVICES)
    if named is not None:
        return [word.strip() for word in named.split(",") if word.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _spread(model: str, options: EngineOptions, gpus: int) -> EngineOptions:
    """Set the smallest number of GPUs per engine that fits the weights: 1, 2, 4, ...; else all GPUs."""
    weights, memory = _weight_bytes(model), _gpu_bytes()
    each = 1
    if weights is not None and memory is not None:
        while weights > each * _SHARE_OF_WEIGHTS * memory and 2 * each <= gpus:
            each *= 2
    return replace(options, engine_args={**options.engine_args, "tensor_parallel_size": each}) if each > 1 else options


def _weight_bytes(model: str) -> int | None:
    """Size of the model's safetensors files on this machine; None without files."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    folder = Path(model).expanduser()
    if not folder.is_dir():
        try:
            folder = Path(snapshot_download(model, local_files_only=True, allow_patterns="*.safetensors"))
        except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError):
            return None
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) or None


def _gpu_bytes() -> float | None:
    """Memory of the smallest GPU in bytes, from the driver's tool; None without the tool."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
        return min(float(line) for line in printed.split()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
