"""Check that batch, groups and data set fit together on the given number of processes."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Any

from bleuberi.doctor.findings import Report, counted, gigabytes
from bleuberi.doctor.machine import Machine, has_apple_gpu
from bleuberi.training.folder.resume import grpo_steps_in_epoch, saves_before_the_end
from bleuberi.training.model_loading import fast_dtype
from bleuberi.training.settings.read import RunSettings


def check_devices(report: Report, machine: Machine, settings: RunSettings, nodes: int = 1) -> None:
    """Report the GPUs that the run needs and the ones that exist or were named, and whether they compute in the
    requested type. All nodes are assumed to be like this one."""
    asked = machine.processes
    on_this = asked // nodes
    of_each = f" on each of {nodes} nodes" if nodes > 1 else ""
    report.numbers["processes"] = asked
    if machine.on_cpu:
        unused = "; this Mac's GPU (MPS) is not used, because we have not tested training on it"
        report.add("devices", "ok", f"{counted(asked, 'process')} on the CPU" + (unused if has_apple_gpu() else ""))
    elif machine.assumed:
        memory = gigabytes(machine.device_memory or 0)
        there = f"; this machine has {machine.gpus_here}" if machine.gpus_here < on_this else ""
        report.add("devices", "ok", f"checked for {asked} x {machine.device_name} of {memory}, as named{there}")
    elif machine.gpus_here < on_this:
        apple = "; a Mac's GPU (MPS) does not count, because we have not tested training on it"
        report.add(
            "devices",
            "problem",
            f"the config is for {counted(on_this, 'GPU')}{of_each}, this machine has {machine.gpus_here}"
            + (apple if has_apple_gpu() else ""),
            "Lower --processes, set --use_cpu true --bf16 false, or name the machine it is meant for: --gpu A100-80GB.",
        )
    else:
        text = f"{on_this} of {counted(machine.gpus_here, 'GPU')}{of_each}: {machine.device_name}"
        report.add("devices", "ok", f"{text}, {gigabytes(machine.device_memory or 0)} each")
    if settings.args.bf16 and not machine.on_cpu and machine.gpus_here and not machine.assumed:
        import torch

        if not torch.cuda.is_bf16_supported():
            report.add("bf16", "problem", f"{machine.device_name} cannot do bf16", "Set --bf16 false --fp16 true.")


def check_bfloat16_on_cpu(report: Report, machine: Machine, dtypes: Container[str]) -> None:
    """Warn if bfloat16 is among the types of the weights and of the computation, and the processor cannot multiply it.
    The factor was measured: docs/lab_log.md."""
    if machine.on_cpu and "bfloat16" in dtypes and fast_dtype() != "bfloat16":
        report.add(
            "bf16",
            "warning",
            "this processor has no instructions for bfloat16: matrix products took 5 to 9 times as long as in float32",
            "Set --bf16 false --dtype float32.",
        )


def check_grpo_batch(report: Report, args: Any, processes: int, rows: int) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Check the groups in a batch (TRL has already rejected sizes that do not divide), and that the data set fills one
    generation."""
    prompts = args.generation_batch_size // args.num_generations
    completions = args.per_device_train_batch_size * args.gradient_accumulation_steps * processes
    text = (
        f"{args.per_device_train_batch_size} sequences x {args.gradient_accumulation_steps} passes x "
        f"{counted(processes, 'process')} = {completions} completions a step; "
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
    """Report the pairs per step and the number of steps, and check that the data set fills one batch."""
    pairs = args.per_device_train_batch_size * args.gradient_accumulation_steps * processes
    text = f"{args.per_device_train_batch_size} pairs x {args.gradient_accumulation_steps} passes x "
    report.add("batch", "ok", f"{text}{counted(processes, 'process')} = {pairs} pairs a step")
    needed = args.per_device_train_batch_size * processes if args.dataloader_drop_last else 1
    _check_rows(report, rows, needed, "pairs of a batch", _steps(args, math.ceil(rows / pairs)))


def check_checkpoints(report: Report, args: Any) -> None:  # noqa: ANN401 - trl.GRPOConfig or SFTConfig
    """Warn if no checkpoint is saved before the end, so that a killed run would lose everything."""
    steps = report.numbers.get("steps", 0)
    saved = saves_before_the_end(args, steps)
    if saved:
        report.add("checkpoints", "ok", f"{counted(saved, 'checkpoint')} before the last of {counted(steps, 'step')}")
        return
    jit = " (but for one at SIGTERM: enable_jit_checkpoint)" if args.enable_jit_checkpoint else ""
    text = f"no checkpoint before the end of the {counted(steps, 'step')}{jit}: a killed run starts again"
    report.add("checkpoints", "warning", text, "Set --save_strategy steps --save_steps 0.1: every tenth of the run.")


def check_gradient(report: Report, args: Any) -> None:  # noqa: ANN401 - trl.GRPOConfig or SFTConfig
    """Warn of settings with which the run would have no gradient, as far as the settings show it."""
    if args.learning_rate == 0:
        report.add("learning", "warning", "the learning rate is 0: nothing is learned", "Raise --learning_rate.")
    steps = report.numbers.get("steps", 0)
    if steps and (rising := args.get_warmup_steps(steps)) >= steps:
        text = (
            f"the warm-up of {counted(rising, 'step')} is as long as the run ({counted(steps, 'step')}): the learning "
        )
        text += "rate starts at 0 and never reaches its value"
        report.add("learning", "warning", text, "Lower --warmup_steps; below 1 it is a share of all steps.")
    if not any(getattr(args, "reward_weights", None) or [1]):
        report.add("learning", "warning", "every reward has weight 0: nothing is learned", "Raise --reward_weights.")
    never = report.numbers.get("rows_never_rewarded_for_stopping", 0.0)
    if getattr(args, "mask_truncated_completions", False) and never >= 0.5:
        text = (
            f"completions that are cut off are masked, and {never:.0%} of the rows have no reference that ends within "
        )
        text += f"max_completion_length {args.max_completion_length}: steps in which all are cut have no gradient"
        cure = "Raise --max_completion_length, or set --mask_truncated_completions false."
        report.add("learning", "warning", text, cure)


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
