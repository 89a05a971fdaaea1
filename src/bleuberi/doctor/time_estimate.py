"""Estimate the time per step, correct within a factor of about two."""

from __future__ import annotations

from bleuberi.doctor.machine import Machine
from bleuberi.doctor.memory import Batches, Zero
from bleuberi.doctor.model import ModelSizes
from bleuberi.training.settings.read import RunSettings

_LINK = 20e9  # bytes a second between a GPU and its host (PCIe 4, in practice)
_HOST = 50e9  # bytes a second a host's memory gives one process's optimizer


def estimate_step(
    settings: RunSettings, sizes: ModelSizes, batches: Batches, zero: Zero, machine: Machine
) -> dict[str, float] | None:
    """Seconds of one optimizer step by part, with completions of full length; None if the device's speed is unknown."""
    if machine.flops is None or machine.bandwidth is None:
        return None
    args = settings.args
    passes = args.gradient_accumulation_steps
    tokens = passes * batches.rows * batches.length
    forward = 2.0 * sizes.parameters * tokens / machine.flops
    backward = forward * (2 if sizes.trainable == sizes.parameters else 1)  # frozen weights need no gradient
    parts = {"forward and backward": forward + backward + (forward if args.gradient_checkpointing else 0.0)}
    if settings.method != "sft" and args.beta != 0:
        parts["start model for the KL term"] = forward
    if settings.method == "grpo":
        parts["generation"] = _generation(settings, sizes, batches, machine)
    if zero.stage and zero.offload_parameters:
        moved = 2.0 * sizes.parameters / machine.processes
        parts["weights from and to the host"] = moved * passes * 3 / _LINK
    if zero.stage and zero.offload_optimizer:
        parts["optimizer on the host"] = 28.0 * sizes.trainable / machine.processes / _HOST
    return parts


def _generation(settings: RunSettings, sizes: ModelSizes, batches: Batches, machine: Machine) -> float:
    """Seconds of generation per optimizer step. For each token, every weight is read once and multiplied for every row.
    One generated batch is used for several steps."""
    assert machine.flops is not None
    assert machine.bandwidth is not None
    args = settings.args
    width = 2 if args.bf16 or args.fp16 or sizes.dtype_bytes == 2 else 4
    read = width * sizes.parameters + batches.generated_rows * batches.length / 2 * sizes.cache_values_per_token * width
    product = 2.0 * sizes.parameters * batches.generated_rows
    token = max(read / machine.bandwidth, product / machine.flops)
    prefill = 2.0 * sizes.parameters * batches.generated_rows * batches.prompt / machine.flops
    steps_served = max(1.0, args.steps_per_generation / args.gradient_accumulation_steps) * args.num_iterations
    return float((prefill + token * batches.completion) / steps_served)
