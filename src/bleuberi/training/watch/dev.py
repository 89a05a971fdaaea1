"""Evaluate on held-out dev prompts during GRPO, to choose the best checkpoint and to stop early.

The best checkpoint is chosen on these prompts, so its gain has to be measured on others.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.rewards import Reward, load_reward
from bleuberi.rewards.text_shape import references_copied, text_shapes
from bleuberi.training.config import DevConfig
from bleuberi.training.early_stop import NothingLeft
from bleuberi.training.folder.checkpoints import checkpoint_at, read_mark
from bleuberi.training.folder.log import append_entries, cut_entries, read_entries
from bleuberi.training.watch.reward import last_user_text, score_rows
from bleuberi.training.watch.samples import complete, sampling_settings

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

DEV: Final = "dev.jsonl"
_UNTRAINED: Final = ("rouge", "bleu")


def untrained_score(config: DevConfig, rewards: Sequence[Reward]) -> Reward:
    """The score that is logged beside the reward. Errors: `UserError` if the run trains on it."""
    trained = {reward.name for reward in rewards}
    if not config.dev_score:
        return load_reward(next(name for name in _UNTRAINED if name not in trained or name == _UNTRAINED[-1]))
    score = load_reward(config.dev_score)
    if score.name in trained:
        raise UserError(
            f"dev_score {config.dev_score} is also the reward.", "Choose a score that the run is not trained on."
        )
    return score


def cut_dev(folder: Path, last_step: int | None) -> None:
    """Delete the evaluations after the checkpoint that a run resumes from; all of them if it starts afresh."""
    cut_entries(folder / DEV, lambda entry: last_step is not None and entry["step"] <= last_step)


def best_entry(entries: Sequence[dict[str, Any]], best_by: str) -> dict[str, Any] | None:
    """The evaluation with the highest value; of equal ones the earliest. The evaluation before the first step is
    ignored."""
    known = [entry for entry in entries if entry["step"] > 0 and entry[best_by] is not None]
    return max(known, key=lambda entry: entry[best_by], default=None)


class DevEvaluation:
    """Generates responses to the dev prompts with the current policy, and measures them."""

    def __init__(
        self,
        rows: Sequence[dict[str, Any]],  # as the trainer sees them
        rewards: Sequence[Reward],
        weights: Sequence[float] | None,
        score: Reward,
    ) -> None:
        self.rows, self.score = rows, score
        self.rewards = list(zip(rewards, weights or [1.0] * len(rewards), strict=True))

    def __call__(self, trainer: Any) -> dict[str, Any]:  # noqa: ANN401 - trl.GRPOTrainer
        """Means over the prompts. Every process has to call it, and all get the same numbers."""
        answers = self._answer(trainer)
        ids = [tokens for tokens, _ in answers]
        texts = [trainer.processing_class.decode(tokens, skip_special_tokens=True) for tokens in ids]
        rewards = [(reward.name, weight, score_rows(reward, self.rows, texts, ids)) for reward, weight in self.rewards]
        totals = [_weighted([(weight, scores[place]) for _, weight, scores in rewards]) for place in range(len(texts))]
        known = [total for total in totals if total is not None]
        prompts = [last_user_text(row["prompt"]) for row in self.rows]
        of_references = references_copied(prompts, [row[columns.REFERENCES] for row in self.rows])
        return {
            "prompts": len(texts),
            "reward": _mean(totals),
            "reward_error": stdev(known) / math.sqrt(len(known)) if len(known) > 1 else None,
            "rewards": {name: _mean(scores) for name, _, scores in rewards},
            "score": _mean(score_rows(self.score, self.rows, texts, ids)),
            "score_name": self.score.name,
            "copied_share": fmean(copied for _, copied in text_shapes(prompts, texts)),
            "reference_copied_share": _mean(of_references),
            "tokens": fmean(map(len, ids)),
            "ended_share": fmean(ended for _, ended in answers),
        }

    def _answer(self, trainer: Any) -> list[tuple[list[int], bool]]:  # noqa: ANN401
        """Greedy completions, each process a share of the prompts, in batches of the training's size."""
        from accelerate.utils import gather_object

        args, rank, processes = trainer.args, trainer.accelerator.process_index, trainer.accelerator.num_processes
        drawing = {name: value for name, value in sampling_settings(trainer).items() if name in _GREEDY}
        share = math.ceil(len(self.rows) / processes)
        # As many rows in each process, since weights may be split; the first ones fill up, and are dropped again.
        own = [self.rows[place % len(self.rows)] for place in range(rank * share, (rank + 1) * share)]
        size = args.per_device_train_batch_size * args.steps_per_generation
        found = [
            one
            for start in range(0, share, size)
            for one in complete(trainer, own[start : start + size], {**drawing, "do_sample": False})
        ]
        return (gather_object(found) if processes > 1 else found)[: len(self.rows)]


_GREEDY: Final = frozenset({"max_new_tokens", "repetition_penalty", "eos_token_id", "pad_token_id", "bos_token_id"})


def _weighted(parts: Sequence[tuple[float, float | None]]) -> float | None:
    """The sum of the scores that there are, as TRL adds them up, or None."""
    known = [weight * score for weight, score in parts if score is not None]
    return sum(known) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def dev_callback(evaluation: DevEvaluation, folder: Path, config: DevConfig, every: int) -> TrainerCallback:
    """Create a callback that evaluates before the first step, every `every` steps (each has to end a generation), and
    at the end.

    Set its `trainer` before the training. It keeps the checkpoint of the best evaluation. With patience it ends the run
    and sets `ended` to True. Add it before the callbacks that save.
    """
    from transformers import TrainerCallback

    class Dev(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.trainer: Any = None
            self.ended = False
            self.best_by = config.dev_best_by
            self.evaluated: list[dict[str, Any]] = []

        def best(self) -> dict[str, Any] | None:
            return best_entry(self.evaluated, self.best_by)

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            self.evaluated = _of_first_process(read_entries(folder / DEV))
            if state.global_step == 0:
                self._evaluate(state)
            self._note_best(state)
            self.ended = self._out_of_patience()
            if self.ended:
                raise NothingLeft  # the run ended here before, and was killed before its model was written

        def on_step_end(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            if state.global_step % every and state.global_step != state.max_steps:
                return
            self._evaluate(state)
            best = self.best()
            if best is not None and best["step"] == state.global_step:
                control.should_save = True
            self.ended = self._out_of_patience()
            control.should_training_stop |= self.ended

        def on_save(self, args: Any, state: Any, control: Any, **_: object) -> None:  # noqa: ANN401
            self._note_best(state)

        def _evaluate(self, state: Any) -> None:  # noqa: ANN401
            entry = {"step": state.global_step, **evaluation(self.trainer)}
            self.evaluated.append(entry)
            if state.is_world_process_zero:
                append_entries(folder / DEV, [entry])
                log.info("Step %d, %d dev prompts: %s", state.global_step, entry["prompts"], sentence(entry))

        def _note_best(self, state: Any) -> None:  # noqa: ANN401
            """Let the trainer's state name the best checkpoint, which is then never deleted."""
            best = self.best()
            place = None if best is None else checkpoint_at(folder, best["step"])
            if best is not None and place is not None:
                state.best_global_step, state.best_metric = best["step"], best[self.best_by]
                state.best_model_checkpoint = str(place)

        def _out_of_patience(self) -> bool:
            best = self.best()
            since = [entry for entry in self.evaluated if best is not None and entry["step"] > best["step"]]
            return 0 < config.dev_patience <= len(since)

    return Dev()


def _of_first_process(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries of the process that writes them: others may not see its disk."""
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    if PartialState().num_processes > 1:
        (entries,) = broadcast_object_list([entries])
    return entries


def sentence(entry: Mapping[str, Any]) -> str:
    """An evaluation in words, e.g. `reward 0.213, rouge 0.301, 0.11 copied, 34 tokens`."""
    parts = [f"{name} {entry[key]:.3f}" for name, key in (("reward", "reward"), (entry["score_name"], "score"))
             if entry[key] is not None]  # fmt: skip
    return ", ".join([*parts, f"{entry['copied_share']:.2f} copied", f"{entry['tokens']:.0f} tokens"])


def take_best(dev: Any, trainer: Any, folder: Path) -> dict[str, Any]:  # noqa: ANN401 - of `dev_callback`; TRL's trainer
    """Load the best checkpoint, unless the current policy is the best. Returns the facts about this choice for the
    manifest.

    Errors: `UserError` if that checkpoint is missing or incomplete.
    """
    best, start = dev.best(), next((entry for entry in dev.evaluated if entry["step"] == 0), None)
    facts = {"evaluations": len(dev.evaluated), "trained_steps": trainer.state.global_step}
    if best is None:
        return {"dev": facts}
    if best["step"] != trainer.state.global_step:
        checkpoint = checkpoint_at(folder, best["step"])
        if checkpoint is None or read_mark(checkpoint) is None:
            raise UserError(
                f"The best checkpoint on dev, of step {best['step']}, is not in {folder}.",
                "Rerun with another --output_dir, and keep its checkpoints.",
            )
        trainer.state.best_model_checkpoint = str(checkpoint)
        trainer._load_best_model()
    log.info("The best of %d evaluations is step %d: %s", len(dev.evaluated), best["step"], sentence(best))
    by = dev.best_by
    if start is not None and start[by] is not None and best[by] <= start[by]:
        log.warning("No evaluation on dev is better than the base model's.")
    return {"steps": best["step"], "dev": {**facts, "best_by": by, "best": best, "start": start}}
