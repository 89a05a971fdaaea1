"""GRPO with a reference-based reward. Knows TRL's GRPOTrainer, and puts its parts together; subclasses nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi import columns
from bleuberi.artifacts import json_hash
from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.records import Tally
from bleuberi.rewards import load_reward
from bleuberi.training.early_stop import early_stop_callback
from bleuberi.training.folder.checkpoints import checkpoint_callback
from bleuberi.training.folder.export import save_finished
from bleuberi.training.folder.hub import open_repository, publish
from bleuberi.training.folder.progress import show_step_lines
from bleuberi.training.folder.resume import check_save_steps, run_training
from bleuberi.training.folder.run_folder import checkpoint_settings, finished_run, metrics_callback, start_run
from bleuberi.training.model_loading import base_commit, load_policy, load_policy_tokenizer
from bleuberi.training.processes import join_processes
from bleuberi.training.reasoning import asked_to_reason
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.watch.callback import monitor_callback, refuse_stopped
from bleuberi.training.watch.reward import trainable_rewards
from bleuberi.training.watched_run import add_samples, watched_rewards

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)


def train_grpo(settings: RunSettings, callbacks: Sequence[TrainerCallback] = ()) -> Path:
    """Train, or find trained; a killed run goes on from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data, rewards or settings that do not fit, before the model is loaded.
    """
    folder = Path(settings.args.output_dir)
    named = [load_reward(name) for name in settings.run.reward_funcs]
    rewards = trainable_rewards(named, settings.args.multi_objective_aggregation)
    weights = settings.args.reward_weights
    if weights is not None and len(weights) != len(rewards):
        raise UserError(f"There are {len(weights)} reward_weights for {len(rewards)} rewards.", "Give 1 a reward.")
    rows = read_grpo_rows(Path(settings.run.dataset_path))
    parents = {"data_sha256": json_hash(rows), "reward_signatures": [reward.signature() for reward in rewards]}
    decided = settings.decided()
    repository = open_repository(settings.args)
    if finished_run(folder, decided, parents):
        publish(folder, repository, settings)
        return folder
    if settings.run.reasoning:
        rows = [asked_to_reason(row) for row in rows]
    base = settings.model
    tokenizer = load_policy_tokenizer(
        base.model_name_or_path, settings.args.trust_remote_code, base.model_revision, settings.run.base_template
    )
    rows, tally = drop_long_prompts(rows, tokenizer, settings.run.max_prompt_tokens)
    log.info("Prompts of at most %d tokens: %s", settings.run.max_prompt_tokens, tally.sentence())
    check_one_step(rows, settings.args)
    check_save_steps(settings.args, len(rows))

    from datasets import Dataset
    from trl import GRPOTrainer, get_peft_config

    asked = checkpoint_settings(settings.args, decided, parents)
    checkpoint = start_run(folder, settings.args, asked)
    join_processes(settings.args)
    model = load_policy(base, tokenizer, settings.args.trust_remote_code)
    ends: list[int] = model.generation_config.eos_token_id
    name_end_tokens(settings.args, ends)
    trainer_rows = [to_trainer_row(row) for row in rows]
    monitor, early_stop = monitor_callback(settings.run), early_stop_callback(settings.args)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=watched_rewards(rewards, settings.run, settings.args.num_generations, ends),
        args=settings.args,
        train_dataset=Dataset.from_list(trainer_rows),
        processing_class=tokenizer,
        peft_config=get_peft_config(base),
        callbacks=[
            monitor,
            metrics_callback(folder),
            *callbacks,
            early_stop,
            checkpoint_callback(folder, settings.args, asked),
        ],
    )
    add_samples(trainer, folder, trainer_rows, rewards, settings.run)
    show_step_lines(trainer)
    run_training(trainer, checkpoint, early_stop)
    refuse_stopped(monitor, folder, trainer.state.global_step)
    facts = {"parents": parents, "rows_in": tally.rows_in, "rows_used": tally.kept, "dropped": dict(tally.dropped),
             "base_commit": base_commit(model)}  # fmt: skip
    save_finished(trainer, tokenizer, settings, decided, facts)
    publish(folder, repository, settings)
    return folder


def name_end_tokens(args: Any, ends: Sequence[int]) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Let vLLM end answers where transformers does: TRL hands it none, and it knows but those of the model's files.

    A base model that was given a template would otherwise write on behind the end of its turn.
    """
    if args.use_vllm:
        args.generation_kwargs = {"stop_token_ids": list(ends), **(args.generation_kwargs or {})}


def check_one_step(rows: list[dict[str, Any]], args: Any) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Refuse fewer prompts than are drawn at once: the trainer would end without a step, and without a word."""
    needed = args.generation_batch_size // args.num_generations
    if len(rows) < needed:
        raise UserError(
            f"The data set has {len(rows)} usable prompts, fewer than the {needed} that are drawn at once "
            f"({args.generation_batch_size} completions, {args.num_generations} a prompt).",
            "Use more data, or lower --per_device_train_batch_size or --gradient_accumulation_steps.",
        )


def to_trainer_row(row: dict[str, Any]) -> dict[str, Any]:
    """What the trainer sees: turns as `prompt`, since it applies no chat template to a plain string."""
    return {
        "prompt": prompt_messages(row),
        columns.REFERENCES: row[columns.REFERENCES],
        "example_id": row[columns.ID],
    }


def drop_long_prompts(
    rows: list[dict[str, Any]],
    tokenizer: Any,  # noqa: ANN401
    max_tokens: int,
) -> tuple[list[dict[str, Any]], Tally]:
    """The rows whose prompt, rendered with its template, has at most `max_tokens`. Errors: none is left."""
    kept = [row for row in rows if len(prompt_ids(tokenizer, prompt_messages(row))) <= max_tokens]
    tally = Tally(len(rows), len(kept), {f"prompts over {max_tokens} tokens": len(rows) - len(kept)})
    if not kept:
        raise UserError(f"No row is left: {tally.sentence()}.", "Raise --max_prompt_tokens.")
    return kept, tally
