"""GRPO with a reference-based reward: TRL's own GRPOTrainer and the parts that run beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bleuberi import columns
from bleuberi.artifacts import json_hash
from bleuberi.data.grpo_rows import prompt_messages, read_grpo_rows
from bleuberi.data.token_lengths import cut_short
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.records import Tally
from bleuberi.rewards import Reward, load_reward
from bleuberi.training.early_stop import early_stop_callback, refuse_unfinished
from bleuberi.training.folder.checkpoints import checkpoint_callback
from bleuberi.training.folder.export import save_finished
from bleuberi.training.folder.hub import open_repository, publish
from bleuberi.training.folder.progress import show_step_lines
from bleuberi.training.folder.reference_model import reference_callback
from bleuberi.training.folder.resume import check_save_steps, fitting_interval, run_training
from bleuberi.training.folder.run_folder import checkpoint_settings, finished_run, metrics_callback, start_run
from bleuberi.training.folder.tracker import link_callback
from bleuberi.training.merge import keep_base_exact
from bleuberi.training.model_loading import base_commit, load_policy
from bleuberi.training.processes import join_processes
from bleuberi.training.reasoning import asked_to_reason
from bleuberi.training.settings.dataset import other_prompts
from bleuberi.training.settings.lengths import fit_completions
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.ready import check_ready
from bleuberi.training.settings.rules import raise_first
from bleuberi.training.warm_start import warm_start
from bleuberi.training.watch.callback import monitor_callback, refuse_stopped
from bleuberi.training.watch.dev import DevEvaluation, dev_callback, take_best, untrained_score
from bleuberi.training.watch.dev_rows import split_dev
from bleuberi.training.watch.reward import check_reward_columns, trainable_rewards
from bleuberi.training.watched_run import add_samples, watched_rewards

if TYPE_CHECKING:
    from transformers import TrainerCallback

log = logging.getLogger(__name__)

_NOT_FOR_TRL: Final = (columns.MESSAGES, columns.ID, "image", "images", "environment")
"""Columns that the trainer row has under another name, or that TRL would take for more than a reward's argument."""


class _Prompts(NamedTuple):
    """The prompts of a run in the trainer's format, and counts of the data set's kept and dropped rows."""

    train: list[dict[str, Any]]
    dev: list[dict[str, Any]]
    tally: Tally


def train_grpo(settings: RunSettings, callbacks: Sequence[TrainerCallback] = ()) -> Path:
    """Train, or reuse a finished training; a killed run resumes from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data, rewards or settings that do not fit, before the model is loaded.
    """
    folder = Path(settings.args.output_dir)
    rewards = run_rewards(settings)
    rows, dev = split_dev(read_grpo_rows(Path(settings.run.dataset_path)), settings.run)
    score = untrained_score(settings.run, rewards) if dev else None
    check_reward_columns(rewards, to_trainer_row(rows[0]).keys())
    base = settings.model.model_name_or_path
    if settings.run.warm_start:
        _usable_prompts(settings, settings.load_tokenizer(), rows, dev)  # what GRPO would refuse, before SFT is trained
        settings = warm_start(settings, rows)
    parents = {"data_sha256": json_hash(rows), "reward_signatures": [reward.signature() for reward in rewards]}
    parents |= {"dev_sha256": json_hash(dev)} if dev else {}
    decided = settings.decided()
    repository = open_repository(settings.args)
    if finished_run(folder, decided, parents):
        publish(folder, repository, settings)
        return folder
    tokenizer = settings.load_tokenizer()
    if differing := other_prompts(settings):
        log.warning("Prompts differ from those of the data set: %s", differing)
    prompts = _usable_prompts(settings, tokenizer, rows, dev)
    every = fitting_interval(settings.args, len(prompts.train), settings.run.dev_every)
    asked = checkpoint_settings(settings.args, decided, parents)
    checkpoint = start_run(folder, settings.args, asked)
    join_processes(settings.args)
    monitor, early_stop = monitor_callback(settings.run), early_stop_callback(settings.args)
    evaluated = None
    if score is not None:
        evaluation = DevEvaluation(prompts.dev, rewards, settings.args.reward_weights, score)
        evaluated = dev_callback(evaluation, folder, settings.run, every)
    reference = reference_callback(folder, checkpoint) if settings.args.sync_ref_model else None
    trainer = _make_trainer(
        settings,
        tokenizer,
        prompts.train,
        rewards,
        [
            monitor,
            metrics_callback(folder),
            *callbacks,
            *(one for one in (evaluated, reference) if one is not None),
            early_stop,
            checkpoint_callback(folder, settings.args, asked),
            link_callback(),
        ],
    )
    add_samples(trainer, folder, prompts.train, rewards, settings.run)
    facts: dict[str, Any] = {"base_commit": base_commit(trainer.model)}
    facts |= {"warm_start_from": base} if settings.run.warm_start else {}
    for one in (evaluated, reference):
        if one is not None:
            one.trainer = trainer
    run_training(trainer, checkpoint, early_stop)
    refuse_stopped(monitor, folder, trainer.state.global_step)
    if evaluated is None or not evaluated.ended:
        refuse_unfinished(folder, trainer.state)
    facts |= take_best(evaluated, trainer, folder) if evaluated is not None else {}
    tally = prompts.tally
    facts |= {"parents": parents, "rows_in": tally.rows_in, "rows_used": tally.kept, "dropped": dict(tally.dropped)}
    save_finished(trainer, tokenizer, settings, decided, facts)
    publish(folder, repository, settings)
    return folder


def run_rewards(settings: RunSettings) -> list[Reward]:
    """Load the rewards for the trainer. Errors: `UserError` for an unknown reward, or a wrong number of weights."""
    named = [load_reward(name) for name in settings.run.reward_funcs]
    rewards = trainable_rewards(named, settings.args.multi_objective_aggregation)
    weights = settings.args.reward_weights
    if weights is not None and len(weights) != len(rewards):
        raise UserError(f"There are {len(weights)} reward_weights for {len(rewards)} rewards.", "Give one per reward.")
    return rewards


def _usable_prompts(
    settings: RunSettings,
    tokenizer: Any,  # noqa: ANN401
    rows: list[dict[str, Any]],
    dev: list[dict[str, Any]],
) -> _Prompts:
    """Drop the prompts that are too long. Errors: `UserError` if what is left does not fit the run or the model."""
    if settings.run.reasoning:
        rows, dev = ([asked_to_reason(row) for row in part] for part in (rows, dev))
    fit_completions(settings, tokenizer, rows)
    limit = settings.run.max_prompt_tokens
    kept, tally, longest = drop_long_prompts(rows, tokenizer, limit)
    kept_dev, tally_dev, longest_dev = drop_long_prompts(dev, tokenizer, limit) if dev else ([], None, 0)
    completion = settings.args.max_completion_length
    raise_first(check_ready(settings, max(longest, longest_dev) + completion))
    check_one_step(kept, settings.args)
    check_save_steps(settings.args, len(kept))
    log.info("Prompts of at most %d tokens: %s; completions: %d", limit, tally.sentence(), completion)
    if warning := cut_short([row[columns.REFERENCES] for row in kept], completion, "--max_completion_length"):
        log.warning(warning)
    if tally_dev is not None:
        log.info("Dev prompts, which are not trained on: %s", tally_dev.sentence())
    return _Prompts([to_trainer_row(row) for row in kept], [to_trainer_row(row) for row in kept_dev], tally)


def _make_trainer(
    settings: RunSettings,
    tokenizer: Any,  # noqa: ANN401
    rows: list[dict[str, Any]],  # as the trainer sees them
    rewards: Sequence[Reward],
    callbacks: list[TrainerCallback],
) -> Any:  # noqa: ANN401 - trl.GRPOTrainer
    """TRL's trainer with the model loaded."""
    from datasets import Dataset
    from trl import GRPOTrainer, get_peft_config

    model = load_policy(settings.model, tokenizer, settings.args.trust_remote_code, settings.run.use_kernels)
    ends: list[int] = model.generation_config.eos_token_id
    name_end_tokens(settings.args, ends)
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=watched_rewards(rewards, settings.run, settings.args.num_generations, ends),
        args=settings.args,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=get_peft_config(settings.model),
        callbacks=callbacks,
    )
    if settings.model.use_peft and settings.args.use_vllm:
        keep_base_exact(trainer.model)
    show_step_lines(trainer)
    return trainer


def name_end_tokens(args: Any, ends: Sequence[int]) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Tell vLLM the end tokens that transformers uses. TRL passes none, and vLLM reads only those in the model's files.

    Otherwise a base model that was given a template would continue after the end of its turn.
    """
    if args.use_vllm:
        args.generation_kwargs = {"stop_token_ids": list(ends), **(args.generation_kwargs or {})}


def check_one_step(rows: list[dict[str, Any]], args: Any) -> None:  # noqa: ANN401 - trl.GRPOConfig
    """Reject a data set with fewer prompts than one generation draws: the trainer would end without a step and without
    an error."""
    needed = args.generation_batch_size // args.num_generations
    if len(rows) < needed:
        raise UserError(
            f"The data set has {len(rows)} usable prompts, fewer than the {needed} drawn at once "
            f"({args.generation_batch_size} completions, {args.num_generations} per prompt).",
            "Use more data, or lower --per_device_train_batch_size or --gradient_accumulation_steps.",
        )


def to_trainer_row(row: dict[str, Any]) -> dict[str, Any]:
    """Convert a row for the trainer. `prompt` gets the turns, because the trainer applies no chat template to plain
    text. Other columns are kept for reward functions that read them."""
    return {
        **{name: value for name, value in row.items() if name not in _NOT_FOR_TRL},
        "prompt": prompt_messages(row),
        columns.REFERENCES: row[columns.REFERENCES],
        "example_id": row[columns.ID],
    }


def drop_long_prompts(
    rows: list[dict[str, Any]],
    tokenizer: Any,  # noqa: ANN401
    max_tokens: int,
) -> tuple[list[dict[str, Any]], Tally, int]:
    """Keep the rows whose prompt, rendered with its template, has at most `max_tokens`.

    Returns these rows, their counts, and the longest prompt in tokens. Errors: `UserError` if no row is left.
    """
    lengths = [len(prompt_ids(tokenizer, prompt_messages(row), row.get(columns.ID))) for row in rows]
    kept = [row for row, length in zip(rows, lengths, strict=True) if length <= max_tokens]
    tally = Tally(len(rows), len(kept), {f"prompts over {max_tokens} tokens": len(rows) - len(kept)})
    if not kept:
        raise UserError(f"No row remains: {tally.sentence()}.", "Raise --max_prompt_tokens.")
    return kept, tally, max(length for length in lengths if length <= max_tokens)
