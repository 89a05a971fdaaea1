"""SFT on prompt-response pairs. Knows TRL's SFTTrainer, and puts its parts together; subclasses nothing."""

from __future__ import annotations

import logging
from pathlib import Path

from bleuberi.artifacts import json_hash
from bleuberi.columns import MESSAGES
from bleuberi.data.sft_rows import read_sft_rows, to_prompt_and_completion
from bleuberi.training.model_loading import load_policy, load_policy_tokenizer
from bleuberi.training.progress import show_step_lines
from bleuberi.training.run_config import RunSettings
from bleuberi.training.run_folder import finished_run, last_checkpoint, metrics_callback, save_finished
from bleuberi.training.sft_tokens import to_sft_tokens

log = logging.getLogger(__name__)


def train_sft(settings: RunSettings) -> Path:
    """Train, or find trained; a killed run goes on from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data or settings that do not fit, before the model is loaded.
    """
    folder = Path(settings.args.output_dir)
    rows = read_sft_rows(Path(settings.run.dataset_path))
    parents = {"data_sha256": json_hash(rows)}
    if finished_run(folder, settings.decided(), parents):
        log.info("%s is trained already, with the same settings", folder)
        return folder
    tokenizer = load_policy_tokenizer(settings.model.model_name_or_path)
    pairs = [to_prompt_and_completion(row[MESSAGES]) for row in rows]
    tokens = [to_sft_tokens(tokenizer, pair["prompt"], pair["completion"]) for pair in pairs]
    limit = settings.args.max_length
    cut = sum(limit is not None and len(row.input_ids) > limit for row in tokens)
    trained = sum(sum(row.completion_mask) for row in tokens)
    log.info(
        "%d pairs, %d of %d tokens in the loss; %d pairs over %s tokens are cut there",
        len(rows), trained, sum(len(row.input_ids) for row in tokens), cut, limit,
    )  # fmt: skip

    from datasets import Dataset
    from trl import SFTTrainer, get_peft_config

    settings.args.completion_only_loss = True
    trainer = SFTTrainer(
        model=load_policy(settings.model, tokenizer),
        args=settings.args,
        train_dataset=Dataset.from_list([row._asdict() for row in tokens]),
        processing_class=tokenizer,
        peft_config=get_peft_config(settings.model),
        callbacks=[metrics_callback(folder)],
    )
    show_step_lines(trainer)
    trainer.train(resume_from_checkpoint=settings.args.resume_from_checkpoint or last_checkpoint(folder))
    facts = {"parents": parents, "rows_used": len(rows), "rows_cut": cut, "tokens_in_loss": trained}
    save_finished(trainer, tokenizer, folder, settings.decided(), facts)
    return folder
