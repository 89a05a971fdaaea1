"""Several processes of one run."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any, Final

from bleuberi.errors import UserError

log = logging.getLogger(__name__)

_JUST_TAKEN_SECONDS: Final = 10
_ABANDONED_SECONDS: Final = 900
"""No extension of DeepSpeed compiles as long; a lock of another machine is told by its age alone."""


def join_processes(args: Any) -> None:  # noqa: ANN401 - transformers.TrainingArguments
    """Let DeepSpeed's processes meet before the model is built, since ZeRO-3 splits the weights while they are read.

    Without a GPU the backend has to be named: DeepSpeed would look for one that needs a compiler from Intel.
    Errors: `UserError` for a ZeRO-3 config that would leave no model behind.
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

    if args.local_process_index == 0:
        clear_stale_locks(_extensions_folder())
    if not torch.cuda.is_available():
        import deepspeed

        # It compiles a shared-memory operation for minutes; gloo's own does as well between a few processes.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
        deepspeed.init_distributed(dist_backend="gloo")


def part_processes() -> None:
    """Let the processes part at the end of a run, if they had met; this one trains no more then.

    gloo's threads may end a process that parts in no way with SIGABRT: a good run, told by its launcher as failed.
    """
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def clear_stale_locks(extensions: Path) -> list[Path]:
    """Remove the locks of compiles that were killed: the next one would wait for them for ever. Gives those removed."""
    cleared = []
    for lock in sorted(extensions.glob("*/lock")) + sorted(extensions.glob("*/*/lock")):
        try:
            age = time.time() - lock.stat().st_mtime
        except FileNotFoundError:  # its compile has just ended
            continue
        alone = os.environ.get("WORLD_SIZE") == os.environ.get("LOCAL_WORLD_SIZE")
        if age > _ABANDONED_SECONDS or (alone and age > _JUST_TAKEN_SECONDS and not _worked_in(lock.parent)):
            log.warning("%s was left by a compile that was killed; it is removed", lock)
            lock.unlink(missing_ok=True)
            cleared.append(lock)
    return cleared


def _extensions_folder() -> Path:
    """Where torch compiles extensions to."""
    from torch.utils.cpp_extension import get_default_build_root

    return Path(os.environ.get("TORCH_EXTENSIONS_DIR") or get_default_build_root())


def _worked_in(folder: Path) -> bool:
    """Whether a process of this machine has the folder as its working directory, as a compile has."""
    resolved = str(folder.resolve())
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link) == resolved:
                return True
        except OSError:  # the process has ended, or belongs to somebody else
            continue
    return False
