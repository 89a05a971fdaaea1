"""Create a GRPO data set from a pool: references, responses, scores, selection."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bleuberi.artifacts import write_json
from bleuberi.data.grpo_rows import to_row
from bleuberi.data.pool import read_pool
from bleuberi.data.reasoning import with_reasoning
from bleuberi.data.references import join_references, shuffle_references
from bleuberi.data.token_lengths import cut_short
from bleuberi.errors import UserError
from bleuberi.generation.turns import folded
from bleuberi.on_disk import Mapped
from bleuberi.records import Example, Tally, to_json
from bleuberi.rewards.blindness import refuse_blind
from bleuberi.selection.card import open_dataset, push_dataset
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.dataset_folder import MadeDataset, find_made, refuse_taken_name, save_dataset
from bleuberi.selection.examples import SELECTION_EXAMPLES, selection_examples
from bleuberi.selection.modes import MODES
from bleuberi.selection.pick import Scores, rows_at
from bleuberi.selection.record import SELECTION_RECORD, SelectionRecord, selection_record, write_selection
from bleuberi.selection.request import Plan, made_by_original, request_of, resolve

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GrpoData:
    """A GRPO data set's folder, and facts about its creation."""

    folder: Path
    rows: int
    reused: bool
    generated_now: int
    pool_scores: Scores  # of all scored rows; empty if the data set was reused or not scored
    picked_scores: Scores
    metric: str | None  # the reward's name
    scores_path: Path | None
    signature: str | None
    record: SelectionRecord | None = None  # without its rows; None if the data set was reused
    hub: str | None = None  # the address of the repository that it was pushed to


def create_grpo_data(config: GrpoDataConfig, draw: Callable[[Path, GrpoData], None] | None = None) -> GrpoData:
    """Create the data set, or reuse an equal one. Errors: `UserError`; nothing half-written is left.

    `draw` adds figures to the folder that it is given, before that becomes the data set's folder.
    """
    plan = resolve(config)
    repository = open_dataset(config.push_to_hub, config.hub_public)
    made = _create(plan, draw)
    return replace(made, hub=push_dataset(made.folder, repository))


def _create(plan: Plan, draw: Callable[[Path, GrpoData], None] | None) -> GrpoData:
    config, metric = plan.config, plan.metric
    parent = config.output_dir / "data_grpo"
    if (there := made_by_original(plan, parent, config.num_examples)) is not None:
        return _reused(there)
    pool = read_pool(config.hf_dataset_path, config.ref_models, config.split)
    request = request_of(plan, pool)
    label = plan.label
    if not config.overwrite:
        if (there := find_made(parent, request, config.output_dataset_name)) is not None:
            return _reused(there)
        if config.output_dataset_name is None:
            refuse_taken_name(parent, request, f"{label}_{config.selection_mode}_", _marks(config), config.num_examples)

    examples, joined = join_references(pool, config.ref_models, config.min_references)
    if config.engine_options.fold_system:
        examples = Mapped(examples, lambda row: replace(row, messages=folded(row.messages)))
    log.info("Pool %s: %s", pool.name, joined.sentence())
    del pool  # its temporary file too
    if config.reasoning:
        examples = Mapped(examples, lambda row: replace(row, messages=with_reasoning(row.messages)))
    _warn(plan, Mapped(examples, lambda row: row.references))
    if config.metric is not None and not config.scores_needed:
        why = "random takes rows without scores" if config.model else "nothing to score without --model or --outputs"
        log.info("The data set is saved without scores: %s", why)
    picked = MODES[config.selection_mode].pick(plan, examples)
    reasons = Counter(joined.dropped)
    reasons.update(picked.dropped)
    tally = Tally(joined.rows_in, len(picked.chosen), dict(reasons))
    _tell(config, tally)
    metric = metric if picked.signature else None
    if (there := made_by_original(plan, parent, len(picked.chosen))) is not None:
        return _reused(there)
    name = config.output_dataset_name or f"{label}_{config.selection_mode}_{len(picked.chosen)}{_marks(config)}"
    chosen = rows_at(examples, picked.chosen)
    numbers = picked.numbers(picked.chosen)
    record, rows = selection_record(config.selection_mode, metric, examples, picked, tally)
    made = GrpoData(
        folder=parent / name,
        rows=len(picked.chosen),
        reused=False,
        generated_now=picked.generated_now,
        pool_scores=picked.scores,
        picked_scores=picked.scores[numbers],
        metric=metric,
        scores_path=picked.scores_path,
        signature=picked.signature,
        record=record,
    )
    saved = _placebo(config, chosen)

    def add(folder: Path) -> None:
        write_selection(folder / SELECTION_RECORD, record, rows)
        write_json(folder / SELECTION_EXAMPLES, to_json(selection_examples(metric, examples, picked)))
        if draw is not None:
            draw(folder, made)

    save_dataset(
        made.folder,
        Mapped(range(len(chosen)), lambda at: to_row(saved[at], picked.columns[numbers[at]] if len(numbers) else {})),
        request,
        overwrite=config.overwrite,
        inputs=[config.hf_dataset_path, config.outputs, config.engine_options.answers],
        add=add,
        rows_in=tally.rows_in,
        rows_out=tally.kept,
        dropped=dict(tally.dropped),
        outputs=picked.provenance,
        reward_signature=picked.signature,
    )
    return made


def _reused(there: MadeDataset) -> GrpoData:
    none = np.zeros(0)
    return GrpoData(there.folder, there.rows, True, 0, none, none, None, None, there.reward_signature)


def _warn(plan: Plan, references: Sequence[Sequence[str]]) -> None:
    """Log references that the reward cannot read, or that are longer than responses. Errors: as `refuse_blind`."""
    if plan.reward is not None and (warning := refuse_blind(plan.reward, references)):
        log.warning(warning)
    config = plan.config
    asks_model = config.scores_needed and config.outputs is None and plan.imported is None
    if asks_model and not MODES[config.selection_mode].takes_samples:  # samples leave such rows out
        limit, flag = config.inference_max_new_tokens, "--inference_max_new_tokens"
        if warning := cut_short(references, limit, flag):
            log.warning(warning)


def _tell(config: GrpoDataConfig, tally: Tally) -> None:
    if not tally.kept:
        raise UserError(
            f"No example remains: {tally.sentence()}.",
            "Choose other references, another model or a smaller --inference_max_new_tokens, depending on the reasons.",
        )
    if config.num_examples is not None and tally.kept < config.num_examples:
        log.warning("%d examples requested, but only %d exist; all are kept", config.num_examples, tally.kept)
    log.info("Selection %s: %s", config.selection_mode, tally.sentence())


def _placebo(config: GrpoDataConfig, chosen: Sequence[Example]) -> Sequence[Example]:
    """The rows to save: chosen, answered and scored with their own references, and shuffled afterwards if requested."""
    return chosen if config.shuffle_references is None else shuffle_references(chosen, config.shuffle_references)


def _marks(config: GrpoDataConfig) -> str:
    """The end of a generated name: `_reasoning`, `_shuffledSEED`, both, or nothing."""
    shuffled = "" if config.shuffle_references is None else f"_shuffled{config.shuffle_references}"
    return ("_reasoning" if config.reasoning else "") + shuffled
