"""Warn during a run; if `stop_on_warning` is set, a warning also stops the run. The rules are in `warnings`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError
from bleuberi.training.config import MonitorConfig
from bleuberi.training.early_stop import ends_generation, steps_in_epoch
from bleuberi.training.folder.checkpoints import nearest_checkpoint
from bleuberi.training.watch.warnings import Entry, Warned, Watch

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)


def monitor_callback(config: MonitorConfig) -> TrainerCallback:
    """Create a callback that reads every log entry. Add it before the callback that writes metrics: it adds `warnings`
    to the entries.

    Its `stopped_by` is the warning that ended the run, or None.
    """
    from transformers import TrainerCallback

    class Monitor(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.watch = Watch(config)
            self.stopped_by: Warned | None = None

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            # The entries that a checkpoint carries are not news, but they may be why the run had stopped.
            for entry in state.log_history:
                self._read(entry, entry["step"])
            refuse_stopped(self, Path(args.output_dir), state.global_step)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:  # noqa: ANN401
            warnings = self._read(logs or {}, state.global_step)
            if warnings:
                # Without a checkpoint's name, so that a resumed run has the entries of one that was not killed.
                logs["warnings"] = [warned.text for warned in warnings]
                if state.is_world_process_zero:
                    for warned in warnings:
                        log.warning("Step %d: %s", state.global_step, with_checkpoint(warned, Path(args.output_dir)))
            self.on_step_end(args, state, control, **given)

        def _read(self, entry: Entry, step: int) -> list[Warned]:
            warnings = self.watch.read(entry, step)
            if warnings and config.stop_on_warning:
                self.stopped_by = self.stopped_by or warnings[0]
            return warnings

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401
            # Between two generations, since a run could not resume exactly from a checkpoint within one.
            epoch = steps_in_epoch(args, given["train_dataloader"])
            if self.stopped_by and ends_generation(args, state.global_step, epoch):
                control.should_training_stop = control.should_save = True

    return Monitor()


def with_checkpoint(warned: Warned, folder: Path) -> str:
    """The text of the warning. If the reward has fallen, it names the checkpoint nearest to the best reward, if one
    exists."""
    best = None if warned.best_step is None else nearest_checkpoint(folder, warned.best_step)
    return warned.text if best is None else f"{warned.text}; the nearest checkpoint is {best.name}"


def refuse_stopped(monitor: Any, folder: Path, step: int) -> None:  # noqa: ANN401
    """Errors: `UserError` if the monitor ended the run, because the run is then not finished."""
    if monitor.stopped_by:
        raise UserError(
            f"Stopped after step {step}, with a checkpoint: {with_checkpoint(monitor.stopped_by, folder)}.",
            f"Read {folder / 'completions.jsonl'}; to continue anyway, add --stop_on_warning false.",
        )
