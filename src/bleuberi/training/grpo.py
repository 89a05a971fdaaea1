"""GRPO with a reference-based reward. Knows TRL's GRPOTrainer, and puts its parts together; subclasses nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from bleuberi import columns
from bleuberi.artifacts import json_hash
from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.records import Tally
from bleuberi.rewards import load_reward
from bleuberi.training.model_loading import load_policy, load_policy_tokenizer
from bleuberi.training.progress import show_step_lines
from bleuberi.training.reward_adapter import TrlReward, trainable_rewards
from bleuberi.training.run_config import RunSettings
from bleuberi.training.run_folder import finished_run, metrics_callback, save_finished, start_run

log = logging.getLogger(__name__)


def train_grpo(settings: RunSettings) -> Path:
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
    if finished_run(folder, settings.decided(), parents):
        log.info("%s is trained already, with the same settings", folder)
        return folder
    tokenizer = load_policy_tokenizer(settings.model.model_name_or_path, settings.args.trust_remote_code)
    rows, tally = drop_long_prompts(rows, tokenizer, settings.run.max_prompt_tokens)
    log.info("Prompts of at most %d tokens: %s", settings.run.max_prompt_tokens, tally.sentence())
    check_one_step(rows, settings.args)

    from datasets import Dataset
    from trl import GRPOTrainer, get_peft_config

    trainer = GRPOTrainer(
        model=load_policy(settings.model, tokenizer, settings.args.trust_remote_code),
        reward_funcs=[TrlReward(reward) for reward in rewards],
        args=settings.args,
        train_dataset=Dataset.from_list([to_trainer_row(row) for row in rows]),
        processing_class=tokenizer,
        peft_config=get_peft_config(settings.model),
        callbacks=[metrics_callback(folder)],
    )
    show_step_lines(trainer)
    trainer.train(resume_from_checkpoint=start_run(folder, settings.args, settings.decided(), parents))
    facts = {"parents": parents, "rows_in": tally.rows_in, "rows_used": tally.kept, "dropped": dict(tally.dropped)}
    save_finished(trainer, tokenizer, folder, settings.decided(), facts)
    return folder


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
