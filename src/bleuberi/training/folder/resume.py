"""Going on exactly where a killed run stood. Knows how TRL's trainers count steps; knows nothing of rewards or models.

A checkpoint has weights, optimizer and random states, but not the completions that are still to be trained on, nor how
often the data was shuffled. So checkpoints have to lie between two generations, and the shuffles are made up for.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError
from bleuberi.training.early_stop import ends_generation, sigterm_delayed, steps_in_epoch
from bleuberi.training.folder.run_folder import hold_folder

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)


class _AllStepsDone(Exception):  # noqa: N818 - no error
    """The checkpoint is the last one: there is nothing left to train."""


def grpo_steps_in_epoch(args: Any, rows: int) -> int:  # noqa: ANN401 - trl.GRPOConfig
    """Optimizer steps of one pass over so many prompts; those that fill no generation are left out."""
    generations = rows // (args.generation_batch_size // args.num_generations)
    micro_batches: int = generations * args.steps_per_generation * args.num_iterations
    steps: int = math.ceil(micro_batches / args.gradient_accumulation_steps)
    return steps


def check_save_steps(args: Any, rows: int) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Refuse checkpoints in the middle of a generation's completions: a run could not go on from them exactly.

    `rows`: prompts of the data set.
    """
    strategy = str(getattr(args.save_strategy, "value", args.save_strategy))
    if strategy != "no" and args.sync_ref_model:
        raise UserError(
            "sync_ref_model changes a reference model that checkpoints do not have.",
            "Set --sync_ref_model false, or --save_strategy no.",
        )
    if strategy != "steps":  # an epoch ends with whole generations
        return
    an_epoch = max(grpo_steps_in_epoch(args, rows), 1)
    last = args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * an_epoch)
    every = int(args.save_steps) if args.save_steps >= 1 else math.ceil(last * args.save_steps)

    def fits(interval: int) -> bool:
        saved = range(interval, last, interval)  # nothing goes on from the last step
        return all(ends_generation(args, step, an_epoch) for step in saved)

    if every > 0 and not fits(every):
        better = next(interval for interval in range(every + 1, last + 1) if fits(interval))
        raise UserError(
            f"save_steps {every} puts checkpoints between the {args.steps_per_generation * args.num_iterations} "
            f"micro-batches of one generation (steps_per_generation {args.steps_per_generation} x num_iterations "
            f"{args.num_iterations}; gradient_accumulation_steps {args.gradient_accumulation_steps}): a killed run "
            "could not go on exactly.",
            f"Set --save_steps {better}.",
        )


def run_training(trainer: Any, checkpoint: str | None, early_stop: Any) -> None:  # noqa: ANN401 - TRL trainer, callback
    """Train from the checkpoint if there is one; a checkpoint of the last step is only loaded.

    `early_stop`: of `early_stop_callback`, one of the trainer's callbacks. The run may have stopped before its last
    step: `refuse_unfinished` finds out. Errors: `UserError` if another run trains into the same folder.
    """
    trainer.add_callback(_make_up_callback())
    Path(trainer.args.output_dir).mkdir(parents=True, exist_ok=True)
    try:
        with sigterm_delayed(early_stop), hold_folder(trainer.args):
            trainer.train(resume_from_checkpoint=checkpoint)
    except _AllStepsDone:
        log.info("All %d steps are done already; the model is taken from %s", trainer.state.global_step, checkpoint)


def _make_up_callback() -> TrainerCallback:
    import torch
    from transformers import TrainerCallback
    from trl.trainer.utils import RepeatSampler

    class MakeUp(TrainerCallback):  # type: ignore[misc]
        """Brings a resumed run to where its checkpoint was made."""

        def on_train_begin(
            self,
            args: Any,  # noqa: ANN401
            state: Any,  # noqa: ANN401
            control: Any,  # noqa: ANN401
            train_dataloader: Any = None,  # noqa: ANN401
            **_: object,
        ) -> None:
            if state.global_step >= state.max_steps:
                raise _AllStepsDone  # the trainer would take one more step
            sampler = _sampler_of(train_dataloader)
            if isinstance(sampler, RepeatSampler) and sampler.shuffle:
                # It shuffles by a generator of its own, which begins anew with the process.
                for _epoch in range(state.global_step // steps_in_epoch(args, train_dataloader)):
                    torch.randperm(sampler.num_samples, generator=sampler.generator)

    return MakeUp()


def _sampler_of(dataloader: Any) -> Any:  # noqa: ANN401 - any torch DataLoader
    """The sampler under the layers that accelerate puts over it, one more where there are several processes."""
    layer = dataloader.batch_sampler
    while hasattr(layer, "batch_sampler"):
        layer = layer.batch_sampler
    return getattr(layer, "sampler", None)
