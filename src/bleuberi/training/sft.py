"""SFT on prompt-response pairs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

from bleuberi.artifacts import json_hash
from bleuberi.columns import ID
from bleuberi.data.sft_rows import pair_of, read_sft_rows
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.training.early_stop import early_stop_callback, refuse_unfinished
from bleuberi.training.folder.checkpoints import checkpoint_callback
from bleuberi.training.folder.export import save_finished
from bleuberi.training.folder.hub import open_repository, publish
from bleuberi.training.folder.progress import show_step_lines
from bleuberi.training.folder.resume import run_training
from bleuberi.training.folder.run_folder import checkpoint_settings, finished_run, metrics_callback, start_run
from bleuberi.training.folder.tracker import link_callback
from bleuberi.training.model_loading import base_commit, load_policy
from bleuberi.training.processes import join_processes
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.ready import check_ready
from bleuberi.training.settings.rules import raise_first
from bleuberi.training.sft_tokens import SftEncoder, SftTokens
from bleuberi.training.watch.callback import monitor_callback, refuse_stopped

log = logging.getLogger(__name__)

_MANY_CUT: Final = 0.05


def train_sft(settings: RunSettings) -> Path:
    """Train, or find trained; a killed run goes on from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data or settings that do not fit, before the model is loaded.
    """
    folder = Path(settings.args.output_dir)
    rows = read_sft_rows(Path(settings.run.dataset_path))
    parents = {"data_sha256": json_hash(rows)}
    decided = settings.decided()
    repository = open_repository(settings.args)
    if finished_run(folder, decided, parents):
        publish(folder, repository, settings)
        return folder
    base = settings.model
    tokenizer = settings.load_tokenizer()
    pairs = [pair_of(row) for row in rows]
    encode = SftEncoder(tokenizer)
    tokens = [encode(pair["prompt"], pair["completion"], row.get(ID)) for row, pair in zip(rows, pairs, strict=True)]
    limit = settings.args.max_length
    tokens, tally = drop_filled_by_prompt(tokens, limit)
    check_one_batch(len(tokens), settings.args)
    raise_first(check_ready(settings, max(len(row.input_ids[:limit]) for row in tokens)))
    if encode.note:
        log.info("In SFT, %s", encode.note)
    cut, trained = _count_cut(tokens, tally, limit)

    from datasets import Dataset
    from trl import SFTTrainer, get_peft_config

    settings.args.completion_only_loss = True
    asked = checkpoint_settings(settings.args, decided, parents)
    checkpoint = start_run(folder, settings.args, asked)
    join_processes(settings.args)
    monitor, early_stop = monitor_callback(settings.run), early_stop_callback(settings.args)
    model = load_policy(base, tokenizer, settings.args.trust_remote_code, settings.run.use_kernels)
    trainer = SFTTrainer(
        model=model,
        args=settings.args,
        train_dataset=Dataset.from_list([row._asdict() for row in tokens]),
        processing_class=tokenizer,
        peft_config=get_peft_config(base),
        callbacks=[
            monitor,
            metrics_callback(folder),
            early_stop,
            checkpoint_callback(folder, settings.args, asked),
            link_callback(),
        ],
    )
    show_step_lines(trainer)
    run_training(trainer, checkpoint, early_stop)
    refuse_stopped(monitor, folder, trainer.state.global_step)
    refuse_unfinished(folder, trainer.state)
    facts = {"parents": parents, "rows_in": tally.rows_in, "rows_used": tally.kept, "dropped": dict(tally.dropped),
             "rows_cut": cut, "tokens_in_loss": trained, "base_commit": base_commit(model)}  # fmt: skip
    save_finished(trainer, tokenizer, settings, decided, facts)
    publish(folder, repository, settings)
    return folder


def _count_cut(tokens: list[SftTokens], tally: Tally, limit: int | None) -> tuple[int, int]:
    """Log and return how many pairs are cut at `limit`, and how many tokens are in the loss."""
    cut = sum(limit is not None and len(row.input_ids) > limit for row in tokens)
    trained = sum(sum(row.completion_mask[:limit]) for row in tokens)
    log.info(
        "Pairs: %s; %d of %d tokens in the loss; %d pairs over %s tokens are cut there",
        tally.sentence(), trained, sum(len(row.input_ids[:limit]) for row in tokens), cut, limit,
    )  # fmt: skip
    if cut > _MANY_CUT * len(tokens):
        share = f"{cut / len(tokens):.0%}"
        log.warning("%s of the pairs are cut at max_length: they do not teach where to stop. Raise --max_length", share)
    return cut, trained


def check_one_batch(pairs: int, args: Any) -> None:  # noqa: ANN401 - trl.SFTConfig
    """Refuse fewer pairs than a batch has if incomplete batches are dropped: there would be no step."""
    needed = args.per_device_train_batch_size * args.world_size
    if args.dataloader_drop_last and pairs < needed:
        raise UserError(
            f"The data set has {pairs} usable pairs, fewer than the {needed} of a batch; dataloader_drop_last is on.",
            "Set --dataloader_drop_last false, use more data, or lower --per_device_train_batch_size.",
        )


def drop_filled_by_prompt(rows: list[SftTokens], limit: int | None) -> tuple[list[SftTokens], Tally]:
    """The rows that keep a token of their answer within `limit`; the others have no loss. Errors: none is left."""
    kept = [row for row in rows if any(row.completion_mask[:limit])]
    tally = Tally(len(rows), len(kept), {f"prompts that fill all {limit} tokens": len(rows) - len(kept)})
    if not kept:
        raise UserError(f"No pair is left: {tally.sentence()}.", "Raise --max_length.")
    return kept, tally
