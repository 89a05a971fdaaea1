"""Resume a killed run exactly.

A checkpoint has weights, optimizer and random states. It lacks the completions that are still to be trained on, and how
often the data was shuffled. So checkpoints must lie between two generations, and a resumed run repeats the shuffles.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError
from bleuberi.training.early_stop import NothingLeft, ends_generation, sigterm_delayed, steps_in_epoch
from bleuberi.training.folder.run_folder import hold_folder
from bleuberi.training.folder.tracker import one_identity

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)


def grpo_steps_in_epoch(args: Any, rows: int) -> int:  # noqa: ANN401 - trl.GRPOConfig
    """Optimizer steps of one pass over `rows` prompts; the last prompts that do not fill a generation are left out."""
    generations = rows // (args.generation_batch_size // args.num_generations)
    micro_batches: int = generations * args.steps_per_generation * args.num_iterations
    steps: int = math.ceil(micro_batches / args.gradient_accumulation_steps)
    return steps


def fitting_interval(args: Any, rows: int, asked: float) -> int:  # noqa: ANN401 - trl.GRPOConfig
    """The smallest interval of at least `asked` steps (below 1: a share of all steps) at which a generation always
    ends.

    `rows`: prompts of the data set. At most the number of all steps, if that is above `asked`.
    """
    an_epoch = max(grpo_steps_in_epoch(args, rows), 1)
    last = args.max_steps if args.max_steps > 0 else math.ceil(args.num_train_epochs * an_epoch)
    least = max(int(asked) if asked >= 1 else math.ceil(last * asked), 1)

    def fits(interval: int) -> bool:
        return all(ends_generation(args, step, an_epoch) for step in range(interval, last, interval))

    return next((interval for interval in range(least, last) if fits(interval)), max(last, least))


def check_save_steps(args: Any, rows: int) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Reject checkpoints in the middle of a generation's completions, from which a run could not resume exactly.

    A share of all steps (`save_steps` below 1) becomes the next number of steps that fits. `rows`: prompts of the data
    set. Errors: `UserError` that names such a number.
    """
    strategy = str(getattr(args.save_strategy, "value", args.save_strategy))
    if strategy != "steps":  # an epoch ends with whole generations
        return
    every, fitting = int(args.save_steps), fitting_interval(args, rows, args.save_steps)
    if args.save_steps < 1:
        args.save_steps = fitting
    elif every < fitting:
        raise UserError(
            f"save_steps {every} puts checkpoints between the {args.steps_per_generation * args.num_iterations} "
            f"micro-batches of one generation (steps_per_generation {args.steps_per_generation} x num_iterations "
            f"{args.num_iterations}; gradient_accumulation_steps {args.gradient_accumulation_steps}): a killed run "
            "could not resume exactly.",
            f"Set --save_steps {fitting}.",
        )


def saves_before_the_end(args: Any, steps: int) -> int:  # noqa: ANN401 - transformers.TrainingArguments
    """The number of checkpoints that a run of `steps` steps saves before its last step."""
    strategy = str(getattr(args.save_strategy, "value", args.save_strategy))
    if strategy == "no" or steps < 2:
        return 0
    if strategy == "epoch":
        epochs = args.num_train_epochs if args.max_steps <= 0 else 1
        return max(math.ceil(epochs) - 1, 0)
    every = int(args.save_steps) if args.save_steps >= 1 else math.ceil(steps * args.save_steps)
    return (steps - 1) // every


def run_training(trainer: Any, checkpoint: str | None, early_stop: Any) -> None:  # noqa: ANN401 - TRL trainer, callback
    """Train, from the checkpoint if there is one. If it is the last step's checkpoint, load it without training.

    `early_stop`: the callback of `early_stop_callback`, which the trainer has already. Call `refuse_unfinished`
    afterwards, because the run may have stopped early. Errors: `UserError` if another run trains into the same folder,
    or if the model has no trainable weights.
    """
    if not any(weight.requires_grad for weight in trainer.model.parameters()):
        raise UserError(
            "No weight of the model is trainable, so nothing would be learned.",
            "Is the base a LoRA adapter? Merge it first, or train a new one on top: --use_peft true.",
        )
    trainer.add_callback(_make_up_callback(trainer))
    Path(trainer.args.output_dir).mkdir(parents=True, exist_ok=True)
    try:
        with sigterm_delayed(early_stop), hold_folder(trainer.args), one_identity(trainer.args):
            trainer.train(resume_from_checkpoint=checkpoint)
    except NothingLeft:
        log.info("Nothing is left to train after step %d, of %s", trainer.state.global_step, checkpoint)


def _make_up_callback(trainer: Any) -> TrainerCallback:  # noqa: ANN401 - TRL trainer
    import torch
    from transformers import TrainerCallback
    from trl.trainer.utils import RepeatSampler

    class MakeUp(TrainerCallback):  # type: ignore[misc]
        """Restores token counts and shuffles of a resumed run, which the trainer does not restore."""

        def on_train_begin(
            self,
            args: Any,  # noqa: ANN401
            state: Any,  # noqa: ANN401
            control: Any,  # noqa: ANN401
            train_dataloader: Any = None,  # noqa: ANN401
            **_: object,
        ) -> None:
            if state.global_step >= state.max_steps:
                raise NothingLeft  # the trainer would take one more step
            counted = [entry["num_tokens"] for entry in state.log_history if "num_tokens" in entry]
            if counted:  # TRL's SFTTrainer counts from 0 again
                trainer._total_train_tokens = int(counted[-1])
            sampler = _sampler_of(train_dataloader)
            if isinstance(sampler, RepeatSampler) and sampler.shuffle:
                # It shuffles by a generator of its own, which begins anew with the process.
                for _epoch in range(state.global_step // steps_in_epoch(args, train_dataloader)):
                    torch.randperm(sampler.num_samples, generator=sampler.generator)

    return MakeUp()


def _sampler_of(dataloader: Any) -> Any:  # noqa: ANN401 - any torch DataLoader
    """The data loader's own sampler, below the layers that accelerate adds (one more with several processes)."""
    layer = dataloader.batch_sampler
    while hasattr(layer, "batch_sampler"):
        layer = layer.batch_sampler
    return getattr(layer, "sampler", None)
