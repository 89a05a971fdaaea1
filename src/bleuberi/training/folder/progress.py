"""Print one readable line per logged step, under the trainer's own progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from transformers import TrainerCallback

# What a reader watches, in this order; everything is in metrics.jsonl.
_SHOWN: Final = (
    ("reward", "reward {:.3f}"),
    ("reward_std", "spread {:.3f}"),
    ("completions/mean_length", "length {:.0f} tokens"),
    ("completions/clipped_ratio", "cut {:.0%}"),
    ("kl", "kl {:.4f}"),
    ("loss", "loss {:.4f}"),
    ("rewards/accuracies", "chosen first {:.0%}"),
    ("rewards/margins", "margin {:.3f}"),
    ("mean_token_accuracy", "token accuracy {:.1%}"),
    ("step_time", "{:.1f} s"),
)


def step_line(step: int, logs: dict[str, Any]) -> str:
    """One log entry as a line, e.g. `step 3 reward 0.213 spread 0.051 length 41 tokens cut 60%`; `reward none` if
    nothing was scored."""
    parts = [
        text.partition("{")[0] + "none" if logs[name] is None else text.format(float(logs[name]))
        for name, text in _SHOWN
        if name in logs
    ]
    return "   ".join([f"step {step}", *parts])


def show_step_lines(trainer: Any) -> None:  # noqa: ANN401 - any transformers Trainer
    """Replace the trainer's dump of every metric by `step_line`."""
    from transformers import ProgressCallback

    class StepLines(ProgressCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: object) -> None:  # noqa: ANN401
            if state.is_world_process_zero and self.training_bar is not None and logs and "train_runtime" not in logs:
                self.training_bar.write(step_line(state.global_step, logs))

    if not trainer.args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        callback: TrainerCallback = StepLines()
        trainer.add_callback(callback)
