"""Train on a fixed data set of responses, the same flow for SFT and DPO: tokens, model, trainer, finished folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bleuberi.artifacts import json_hash
from bleuberi.errors import UserError
from bleuberi.records import Tally
from bleuberi.training.early_stop import early_stop_callback, refuse_unfinished
from bleuberi.training.folder.checkpoints import checkpoint_callback
from bleuberi.training.folder.export import save_finished
from bleuberi.training.folder.hub import open_repository, publish
from bleuberi.training.folder.progress import show_step_lines
from bleuberi.training.folder.reference_model import reference_callback
from bleuberi.training.folder.resume import run_training
from bleuberi.training.folder.run_folder import checkpoint_settings, finished_run, metrics_callback, start_run
from bleuberi.training.folder.tracker import link_callback
from bleuberi.training.model_loading import base_commit, load_policy
from bleuberi.training.processes import join_processes
from bleuberi.training.settings.read import RunSettings
from bleuberi.training.settings.ready import check_ready
from bleuberi.training.settings.rules import raise_first
from bleuberi.training.watch.callback import monitor_callback, refuse_stopped

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)

_MANY_CUT: Final = 0.05
Rows = list[dict[str, Any]]


class Lengths(NamedTuple):
    """The lengths of one text as the trainer reads it, before it is cut at `max_length`."""

    tokens: int
    before_loss: int  # tokens of the prompt, which are not in the loss


@dataclass(frozen=True, slots=True)
class Encoded:
    """A data set in tokens. One row has one sequence in SFT and two in DPO."""

    rows: Rows  # columns of the trainer
    tally: Tally  # of the data set's rows
    sequences: list[Lengths]
    note: str = ""  # how the chat template was handled, if the user should know

    def counts(self, limit: int | None) -> tuple[int, int, int]:
        """The number of sequences cut at `limit`, of tokens in the loss, and of all tokens that the model reads."""
        cut = sum(limit is not None and one.tokens > limit for one in self.sequences)
        kept = [one.tokens if limit is None else min(one.tokens, limit) for one in self.sequences]
        learned = sum(max(0, end - one.before_loss) for end, one in zip(kept, self.sequences, strict=True))
        return cut, learned, sum(kept)


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training method: a function that converts rows to tokens, and one that creates the trainer."""

    encode: Callable[[Rows, Any, int | None], Encoded]  # rows, tokenizer, max_length
    trainer: Callable[[Dataset, dict[str, Any]], Any]  # the data set in tokens, and the other arguments


def train_offline(settings: RunSettings, rows: Rows, recipe: Recipe) -> Path:
    """Train, or reuse a finished training; a killed run resumes from its last checkpoint. Returns the model folder.

    Errors: `UserError` for data or settings that do not fit, before the model is loaded.
    """
    folder, args = Path(settings.args.output_dir), settings.args
    parents = {"data_sha256": json_hash(rows)}
    decided = settings.decided()
    repository = open_repository(args)
    if finished_run(folder, decided, parents):
        publish(folder, repository, settings)
        return folder
    tokenizer = settings.load_tokenizer()
    encoded = recipe.encode(rows, tokenizer, args.max_length)
    check_one_batch(len(encoded.rows), args)
    longest = max(one.tokens for one in encoded.sequences)
    raise_first(check_ready(settings, longest if args.max_length is None else min(longest, args.max_length)))
    facts = _count(encoded, settings)

    from datasets import Dataset
    from trl import get_peft_config

    asked = checkpoint_settings(args, decided, parents)
    checkpoint = start_run(folder, args, asked)
    join_processes(args)
    monitor, early_stop = monitor_callback(settings.run), early_stop_callback(args)
    reference = reference_callback(folder, checkpoint) if getattr(args, "sync_ref_model", False) else None
    model = load_policy(settings.model, tokenizer, args.trust_remote_code, settings.run.use_kernels)
    trainer = recipe.trainer(
        Dataset.from_list(encoded.rows),
        {
            "model": model,
            "args": args,
            "processing_class": tokenizer,
            "peft_config": get_peft_config(settings.model),
            "callbacks": [
                monitor,
                metrics_callback(folder),
                *([reference] if reference is not None else []),
                early_stop,
                checkpoint_callback(folder, args, asked),
                link_callback(),
            ],
        },
    )
    if reference is not None:
        reference.trainer = trainer
    show_step_lines(trainer)
    run_training(trainer, checkpoint, early_stop)
    refuse_stopped(monitor, folder, trainer.state.global_step)
    refuse_unfinished(folder, trainer.state)
    save_finished(
        trainer, tokenizer, settings, decided, {"parents": parents, **facts, "base_commit": base_commit(model)}
    )
    publish(folder, repository, settings)
    return folder


def _count(encoded: Encoded, settings: RunSettings) -> dict[str, Any]:
    """Log how many rows and tokens are used; the same numbers for the manifest."""
    tally, limit = encoded.tally, settings.args.max_length
    cut, learned, read = encoded.counts(limit)
    if encoded.note:
        log.info("In %s, %s", settings.method.upper(), encoded.note)
    what = "pairs" if settings.method == "sft" else "responses"
    log.info(
        "Pairs: %s; %d of %d tokens in the loss; %d %s over %s tokens are cut there",
        tally.sentence(), learned, read, cut, what, limit,
    )  # fmt: skip
    if cut > _MANY_CUT * len(encoded.sequences):
        share = f"{cut / len(encoded.sequences):.0%}"
        log.warning(
            "%s of the %s are cut at max_length, so they do not teach the model when to stop. Raise --max_length",
            share,
            what,
        )
    return {
        "rows_in": tally.rows_in,
        "rows_used": tally.kept,
        "dropped": dict(tally.dropped),
        "rows_cut": cut,
        "tokens_in_loss": learned,
    }


def check_one_batch(pairs: int, args: Any) -> None:  # noqa: ANN401 - trl.SFTConfig or DPOConfig
    """Reject fewer pairs than one batch needs if incomplete batches are dropped: there would be no step."""
    needed = args.per_device_train_batch_size * args.world_size
    if args.dataloader_drop_last and pairs < needed:
        raise UserError(
            f"The data set has {pairs} usable pairs, fewer than the {needed} of a batch; dataloader_drop_last is on.",
            "Set --dataloader_drop_last false, use more data, or lower --per_device_train_batch_size.",
        )
