"""Turn the estimates of memory and time into findings."""

from __future__ import annotations

from typing import Final

from bleuberi.doctor.findings import Report, Verdict, gigabytes
from bleuberi.doctor.machine import Machine
from bleuberi.doctor.memory import Estimate
from bleuberi.doctor.model import ModelSizes

_TIGHT: Final = 0.85  # allocators leave holes, and an estimate is one


def check_fit(report: Report, estimate: Estimate, sizes: ModelSizes, machine: Machine) -> None:
    """Compare the estimated peak with the memory of a GPU (on a CPU: of the host), part by part, and the host's
    share."""
    where = "host memory" if machine.on_cpu else "GPU memory"
    report.numbers["memory_estimate"] = {
        "static": estimate.static, "phases": estimate.phases, "peak": estimate.peak, "host": estimate.host,
    }  # fmt: skip
    trained = "all" if sizes.trainable == sizes.parameters else f"{sizes.trainable / 1e6:,.1f} M"
    report.add("model", "ok", f"{sizes.parameters / 1e6:,.0f} M parameters, {trained} of them trained")
    parts = _listed(estimate.static) + f"; and while the {estimate.peak_phase} is computed "
    parts += _listed(estimate.phases[estimate.peak_phase])
    have = machine.host_memory if machine.on_cpu else machine.device_memory
    needed = estimate.peak * (machine.processes if machine.on_cpu else 1)
    cure = (
        "Lower --per_device_train_batch_size (and raise --gradient_accumulation_steps), set --gradient_checkpointing "
        "true, train LoRA with --use_peft true, or split over GPUs with a ZeRO-3 config."
    )
    _compare(report, where, needed, have, parts, cure)
    if not machine.on_cpu and estimate.host:
        offload = "Offload less in the DeepSpeed config, or take a host with more memory."
        _compare(report, "host memory", estimate.host_peak, machine.host_memory, _listed(estimate.host), offload)


def _compare(report: Report, topic: str, needed: float, have: float | None, parts: str, cure: str) -> None:
    if have is None:
        report.add(topic, "ok", f"estimate: {gigabytes(needed)} ({parts}); how much there is, is not known")
        return
    share = needed / have
    verdict: Verdict = "problem" if share > 1 else "warning" if share > _TIGHT else "ok"
    report.add(topic, verdict, f"estimate: {gigabytes(needed)} of {gigabytes(have)} ({parts})", cure)


def check_time(report: Report, seconds: dict[str, float] | None, steps: int | None) -> None:
    """Report the estimated time per step; a note if the device's speed is unknown."""
    if seconds is None:
        report.add("time", "ok", "not estimated: the device's speed is not known (name one, e.g. --gpu H100)")
        return
    total = sum(seconds.values())
    report.numbers["seconds_per_step_estimate"] = seconds
    parts = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    whole = f"; {steps:,} steps: {_duration(total * steps)}" if steps else ""
    report.add("time", "ok", f"rough estimate, within a factor of two: {total:.1f} s a step ({parts}){whole}")


def _listed(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {value / 1e9:.1f}" for name, value in parts.items())


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.0f} minutes"
