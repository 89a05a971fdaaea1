"""Connect and disconnect the processes of one run."""

from __future__ import annotations

from typing import Any

from bleuberi.errors import UserError


def join_processes(args: Any) -> None:  # noqa: ANN401 - transformers.TrainingArguments
    """Connect DeepSpeed's processes before the model is built, since ZeRO-3 splits the weights while they are read.

    Without a GPU the backend has to be named: DeepSpeed would look for one that needs a compiler from Intel. Errors:
    `UserError` for a ZeRO-3 config with which no model could be saved.
    """
    if not args.deepspeed:
        return
    zero = args.hf_deepspeed_config.config.get("zero_optimization", {})
    if zero.get("stage") == 3 and not zero.get("stage3_gather_16bit_weights_on_model_save"):
        raise UserError(
            "The DeepSpeed config leaves the trained weights split, and no model folder could be written.",
            'Set "stage3_gather_16bit_weights_on_model_save": true under "zero_optimization".',
        )
    import torch

    if not torch.cuda.is_available():
        import deepspeed

        # It compiles a shared-memory operation for minutes; gloo's own does as well between a few processes.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed(dist_backend="gloo")


def part_processes() -> None:
    """Disconnect the processes at the end of a run, if they were connected. This process cannot train afterwards.

    If a process exits while connected, gloo's threads may end it with SIGABRT, and the launcher reports a good run as
    failed.
    """
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
