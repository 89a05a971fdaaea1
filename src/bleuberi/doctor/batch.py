"""Whether batch, groups and data fit together on so many processes. Knows arithmetic; knows no model."""

from __future__ import annotations

import math
from typing import Any

from bleuberi.doctor.findings import Report, counted, gigabytes
from bleuberi.doctor.machine import Machine
from bleuberi.training.folder.resume import grpo_steps_in_epoch


def check_devices(report: Report, machine: Machine, bf16: bool) -> None:
    """GPUs asked for, and there or named."""
    asked = machine.processes
    report.numbers["processes"] = asked
    if machine.on_cpu:
        report.add("devices", "ok", f"{counted(asked, 'process')[:-2] + ('esses' if asked > 1 else 'ss')} on the CPU")
    elif machine.assumed:
        memory = gigabytes(machine.device_memory or 0)
        there = f"; this machine has {machine.gpus_here}" if machine.gpus_here < asked else ""
        report.add("devices", "ok", f"checked for {asked} x {machine.device_name} of {memory}, as named{there}")
    elif machine.gpus_here < asked:
        report.add(
            "devices",
            "problem",
            f"the config is for {counted(asked, 'GPU')}, this machine has {machine.gpus_here}",
            "Lower --processes, set --use_cpu true --bf16 false, or name the machine it is meant for: --gpu A100-80GB.",
        )
    else:
        text = f"{asked} of {counted(machine.gpus_here, 'GPU')}: {machine.device_name}"
        report.add("devices", "ok", f"{text}, {gigabytes(machine.device_memory or 0)} each")
    if bf16 and not machine.on_cpu and machine.gpus_here and not machine.assumed:
        import torch

        if not torch.cuda.is_bf16_supported():
            report.add("bf16", "problem", f"{machine.device_name} cannot do bf16", "Set --bf16 false --fp16 true.")


def check_grpo_batch(report: Report, args: Any, processes: int, rows: int) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Groups in a batch (TRL has refused what does not divide), and whether the data set fills it."""
    prompts = args.generation_batch_size // args.num_generations
    completions = args.per_device_train_batch_size * args.gradient_accumulation_steps * processes
    text = (
        f"{args.per_device_train_batch_size} sequences x {args.gradient_accumulation_steps} passes x "
        f"{processes} processes = {completions} completions a step; "
        f"{args.generation_batch_size} are drawn at once, {args.num_generations} for each of {prompts} prompts"
    )
    report.numbers["completions_per_step"] = completions
    if completions % args.num_generations:
        whole = "an optimizer step sees parts of groups, which is sound, but its prompts change from step to step"
        report.add("batch", "warning", f"{text}; {whole}", "Make completions a step a multiple of --num_generations.")
    else:
        report.add("batch", "ok", text)
    _check_rows(report, rows, prompts, "prompts drawn at once", _steps(args, grpo_steps_in_epoch(args, rows)))


def check_sft_batch(report: Report, args: Any, processes: int, rows: int) -> None:  # noqa: ANN401 - trl.SFTConfig
    """Pairs a step, and steps."""
    pairs = args.per_device_train_batch_size * args.gradient_accumulation_steps * processes
    text = f"{args.per_device_train_batch_size} pairs x {args.gradient_accumulation_steps} passes x "
    report.add("batch", "ok", f"{text}{processes} processes = {pairs} pairs a step")
    needed = args.per_device_train_batch_size * processes if args.dataloader_drop_last else 1
    _check_rows(report, rows, needed, "pairs of a batch", _steps(args, math.ceil(rows / pairs)))


def _steps(args: Any, per_epoch: int) -> int:  # noqa: ANN401
    return int(args.max_steps if args.max_steps > 0 else math.ceil(per_epoch * args.num_train_epochs))


def _check_rows(report: Report, rows: int, needed: int, what: str, steps: int) -> None:
    report.numbers["rows"], report.numbers["steps"] = rows, steps
    if rows < needed:
        report.add(
            "rows",
            "problem",
            f"{rows:,} usable rows are fewer than the {needed:,} {what}: there would be no step at all",
            "Use more data, or lower --per_device_train_batch_size or --gradient_accumulation_steps.",
        )
        return
    left = rows % needed
    text = f"{rows:,} usable rows, {counted(steps, 'step')}"
    report.add("rows", "ok", text + (f"; the last {left:,} of an epoch fill no batch and are left out" if left else ""))
