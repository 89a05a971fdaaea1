"""Stop a training before its last step: between two steps, with a checkpoint, and without marking the run as
finished."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError

if TYPE_CHECKING:
    from transformers import TrainerCallback


class NothingLeft(Exception):  # noqa: N818 - not an error
    """Raised if a run resumes from the checkpoint of its last step, so nothing is left to train."""


def ends_generation(args: Any, step: int, steps_in_epoch: int) -> bool:  # noqa: ANN401 - trl.GRPOConfig or SFTConfig
    """Whether every sampled completion has been trained on after that step, as an exact resume needs. Always true for
    SFT."""
    # SFTConfig has neither field.
    generation = getattr(args, "steps_per_generation", 1) * getattr(args, "num_iterations", 1)
    done: int = step % steps_in_epoch * args.gradient_accumulation_steps  # an epoch ends with a whole generation
    return done % generation == 0


def steps_in_epoch(args: Any, train_dataloader: Any) -> int:  # noqa: ANN401 - trainer objects
    """Optimizer steps of one pass over the data, at least 1; the last one may have fewer micro-batches."""
    steps: int = math.ceil(len(train_dataloader) / args.gradient_accumulation_steps)
    return max(steps, 1)


def early_stop_callback(args: Any) -> TrainerCallback:  # noqa: ANN401 - transformers.TrainingArguments
    """Create a callback that saves a checkpoint when a run stops early. Add it after the callbacks that may stop the
    run.

    It replaces the trainer's `enable_jit_checkpoint`, which would save in the middle of a step or generation, and
    without the mark of a complete checkpoint. Train within `sigterm_delayed`.
    """
    from accelerate import PartialState
    from accelerate.utils import gather_object
    from transformers import TrainerCallback

    delays_sigterm, args.enable_jit_checkpoint = args.enable_jit_checkpoint, False

    class EarlyStop(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.delays_sigterm = delays_sigterm
            self.sigterm_came = False
            self.stops = False  # because of SIGTERM, in any of the processes
            self.resumable = -1  # the step that just ended, if a run can resume exactly after it
            self.saved = -1  # the step of the last checkpoint

        def note(self, number: int, frame: FrameType | None) -> None:
            self.sigterm_came = True

        def on_substep_end(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            self.resumable = -1  # the random numbers have moved on since the last step

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ANN401
            if ends_generation(args, state.global_step, steps_in_epoch(args, given["train_dataloader"])):
                self.resumable = state.global_step
                if self.delays_sigterm:
                    several = PartialState().num_processes > 1
                    self.stops = any(gather_object([self.sigterm_came])) if several else self.sigterm_came
                    control.should_training_stop |= self.stops

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            # The trainer comes here after every stop, also in the middle of an epoch.
            early = control.should_training_stop and state.global_step < state.max_steps
            if self.stops or early:
                never = str(getattr(args.save_strategy, "value", args.save_strategy)) == "no"
                control.should_save = self.resumable == state.global_step != self.saved and (self.stops or not never)

        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            self.saved = state.global_step

    return EarlyStop()


@contextmanager
def sigterm_delayed(callback: Any) -> Iterator[None]:  # noqa: ANN401 - of `early_stop_callback`
    """In this context SIGTERM only tells the callback to stop the run after a step; afterwards SIGTERM is raised again.
    Does nothing unless `enable_jit_checkpoint` was set."""
    if not callback.delays_sigterm:
        yield
        return
    before = signal.signal(signal.SIGTERM, callback.note)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if callback.sigterm_came or callback.stops:
        signal.raise_signal(signal.SIGTERM)


def refuse_unfinished(folder: Path, state: Any) -> None:  # noqa: ANN401 - transformers.TrainerState
    """Errors: `UserError` if the training ended before its last step, for whatever reason."""
    if state.global_step < state.max_steps:
        raise UserError(
            f"The training stopped after step {state.global_step} of {state.max_steps}, so {folder} is not a finished "
            "run.",
            "Run the same command again: it resumes from the last checkpoint.",
        )
