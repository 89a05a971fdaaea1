"""Checks that need no data: an interrupted run in the output folder, disk space, a time limit."""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path
from typing import Final

from bleuberi.doctor.findings import Report, gigabytes
from bleuberi.doctor.memory import Zero
from bleuberi.doctor.model import ModelSizes
from bleuberi.training.folder.checkpoints import find_checkpoints, read_mark
from bleuberi.training.folder.resume import saves_before_the_end
from bleuberi.training.settings.read import RunSettings

_ADAM_BYTES: Final = 8  # two float32 moments per trained weight
_MASTER_BYTES: Final = 4  # the float32 copy that DeepSpeed keeps of each trained weight
_JOB_END: Final = "SLURM_JOB_END_TIME"  # seconds since 1970, set by Slurm in each job


def check_other_gpus(report: Report, settings: RunSettings, processes: int) -> None:
    """Report a problem if the output folder has an interrupted run with a different number of processes."""
    marks = (read_mark(place) for place in reversed(find_checkpoints(Path(settings.args.output_dir).expanduser())))
    mark = next((mark for mark in marks if mark is not None), None)
    before = None if mark is None else mark["settings"].get("processes")
    if before in (None, processes):
        return
    text = f"{settings.args.output_dir} has a run of {before} processes; it cannot resume on {processes}"
    cure = f"Use {before} again (optimizer states and the order of data depend on it), or choose another --output_dir."
    report.add("resume", "problem", text, cure)


def check_disk(report: Report, settings: RunSettings, sizes: ModelSizes, zero: Zero) -> None:
    """Check that the checkpoints that are kept, and the exported model, fit on the output folder's disk."""
    args = settings.args
    trained = sizes.trainable * (0 if args.save_only_model else _ADAM_BYTES + (_MASTER_BYTES if zero.stage else 0))
    weights = sizes.trainable * sizes.dtype_bytes if settings.model.use_peft else sizes.weight_bytes
    saved = saves_before_the_end(args, report.numbers.get("steps", 0)) + 1  # the last step is saved, too
    # While a new checkpoint is written, all older ones that are kept are still there.
    kept = saved if args.save_total_limit is None else min(saved, args.save_total_limit + 1)
    kept = 0 if str(getattr(args.save_strategy, "value", args.save_strategy)) == "no" else kept
    needed = kept * (weights + trained) + sizes.parameters * sizes.dtype_bytes
    place = Path(args.output_dir).expanduser().absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    report.numbers["disk_estimate"] = {"needed": needed, "free": free}
    text = f"estimate: {gigabytes(needed)} for {kept} checkpoints and the model; {gigabytes(free)} are free at {place}"
    cure = "Lower --save_total_limit, set --save_only_model true (no exact resume), or choose another --output_dir."
    report.add("disk", "problem" if needed > free else "ok", text, cure)


def check_time_limit(report: Report, seconds: float) -> None:
    """Warn if a run of that many seconds would not finish before its Slurm job ends. Does nothing outside of Slurm."""
    end = os.environ.get(_JOB_END, "")
    if not end.isdigit():
        return
    left = int(end) - time.time()
    report.numbers["seconds_to_time_limit"] = left
    needed, have = math.ceil(seconds / 60), math.floor(left / 60)
    text = f"the run is estimated to take {needed:,} minutes; the job ends in {have:,}"
    cure = "Ask for more time, or let the job be requeued (training/slurm/grpo.sbatch): a run resumes."
    report.add("time limit", "warning" if needed > have else "ok", text, cure)
