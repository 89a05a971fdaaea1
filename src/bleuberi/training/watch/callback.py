"""Warn while a run goes on, and stop it on request. Knows the trainer's callbacks; its rules are in `monitor_rules`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError
from bleuberi.training.early_stop import ends_generation, steps_in_epoch
from bleuberi.training.watch.warnings import MonitorConfig, Watch

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)


def monitor_callback(config: MonitorConfig) -> TrainerCallback:
    """A callback that reads every log entry. Add it before the one that writes metrics: it puts `warnings` into them.

    Its `stopped_by` is the warning that ended the run, or empty.
    """
    from transformers import TrainerCallback

    class Monitor(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.watch = Watch(config)
            self.stopped_by = ""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            # What a checkpoint carries along was read before: it is no news, but it may be why the run had stopped.
            for entry in state.log_history:
                for text in self.watch.read(entry):
                    self.stopped_by = self.stopped_by or (text if config.stop_on_warning else "")
            refuse_stopped(self, Path(args.output_dir), state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:  # noqa: ANN401
            warnings = self.watch.read(logs or {})
            if warnings:
                logs["warnings"] = warnings
                if state.is_world_process_zero:
                    for text in warnings:
                        log.warning("Step %d: %s", state.global_step, text)
                if config.stop_on_warning:
                    self.stopped_by = self.stopped_by or warnings[0]
            self.on_step_end(args, state, control, **given)

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401
            # Between two generations, since a run could not resume exactly from a checkpoint within one.
            epoch = steps_in_epoch(args, given["train_dataloader"])
            if self.stopped_by and ends_generation(args, state.global_step, epoch):
                control.should_training_stop = control.should_save = True

    return Monitor()


def refuse_stopped(monitor: Any, folder: Path, step: int) -> None:  # noqa: ANN401
    """Errors: `UserError` where the monitor ended the run, which is no finished one."""
    if monitor.stopped_by:
        raise UserError(
            f"Stopped after step {step}, with a checkpoint: {monitor.stopped_by}.",
            f"Read {folder / 'completions.jsonl'}; to go on anyway, add --stop_on_warning false to the same command.",
        )
