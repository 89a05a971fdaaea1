"""From a pool to a GRPO data set: references, outputs, scores, selection."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bleuberi.data.grpo_rows import to_row
from bleuberi.data.pool import read_pool
from bleuberi.data.reasoning import with_reasoning
from bleuberi.data.references import join_references, shuffle_references
from bleuberi.data.token_lengths import cut_short
from bleuberi.errors import UserError
from bleuberi.generation.turns import folded
from bleuberi.records import Example, Tally
from bleuberi.rewards.blindness import refuse_blind
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.dataset_folder import MadeDataset, find_made, refuse_taken_name, save_dataset
from bleuberi.selection.examples import SELECTION_EXAMPLES, selection_examples
from bleuberi.selection.modes import MODES
from bleuberi.selection.record import SELECTION_RECORD, selection_record
from bleuberi.selection.request import Plan, made_by_original, request_of, resolve

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GrpoData:
    """Where a GRPO data set lies, and what the making of it found."""

    folder: Path
    rows: int
    reused: bool
    generated_now: int
    pool_scores: dict[str, float]  # of all scored rows; empty where the data set was reused or not scored
    picked_scores: list[float]
    metric: str | None  # the reward's name
    scores_path: Path | None
    signature: str | None


def create_grpo_data(config: GrpoDataConfig, draw: Callable[[Path, GrpoData], None] | None = None) -> GrpoData:
    """Make the data set, or find it made. Errors: `UserError`; nothing half-written is left.

    `draw` adds figures to the folder that it is given, before that becomes the data set's folder.
    """
    plan = resolve(config)
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
        examples = [replace(row, messages=folded(row.messages)) for row in examples]
    log.info("Pool %s: %s", pool.name, joined.sentence())
    if config.reasoning:
        examples = [replace(row, messages=with_reasoning(row.messages)) for row in examples]
    _warn(plan, [row.references for row in examples])
    if config.metric is not None and not config.scores_needed:
        why = "random takes rows without scores" if config.model else "nothing to score without --model or --outputs"
        log.info("The data set is saved without scores: %s", why)
    picked = MODES[config.selection_mode].pick(plan, examples)
    reasons = Counter(joined.dropped)
    reasons.update(picked.dropped)
    tally = Tally(len(pool.rows), len(picked.chosen), dict(reasons))
    _tell(config, tally)
    metric = metric if picked.signature else None
    if (there := made_by_original(plan, parent, len(picked.chosen))) is not None:
        return _reused(there)
    name = config.output_dataset_name or f"{label}_{config.selection_mode}_{len(picked.chosen)}{_marks(config)}"
    scores = picked.mean_scores
    made = GrpoData(
        folder=parent / name,
        rows=len(picked.chosen),
        reused=False,
        generated_now=picked.generated_now,
        pool_scores=scores,
        picked_scores=[scores[row.id] for row in picked.chosen if scores],
        metric=metric,
        scores_path=picked.scores_path,
        signature=picked.signature,
    )
    save_dataset(
        made.folder,
        [to_row(row, picked.columns_by_id.get(row.id, {})) for row in _placebo(config, picked.chosen)],
        request,
        overwrite=config.overwrite,
        records={
            SELECTION_RECORD: selection_record(config.selection_mode, metric, examples, picked, tally),
            SELECTION_EXAMPLES: selection_examples(metric, examples, picked),
        },
        draw=(lambda folder: draw(folder, made)) if draw else None,
        rows_in=tally.rows_in,
        rows_out=tally.kept,
        dropped=dict(tally.dropped),
        outputs=picked.provenance,
        reward_signature=picked.signature,
    )
    return made


def _reused(there: MadeDataset) -> GrpoData:
    return GrpoData(there.folder, there.rows, True, 0, {}, [], None, None, there.reward_signature)


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
            f"No example is left: {tally.sentence()}.",
            "Choose other references, another model or a smaller --inference_max_new_tokens, by what was dropped.",
        )
    if config.num_examples is not None and tally.kept < config.num_examples:
        log.warning("Asked for %d examples, but only %d are there: all are kept", config.num_examples, tally.kept)
    log.info("Selection %s: %s", config.selection_mode, tally.sentence())


def _placebo(config: GrpoDataConfig, chosen: Sequence[Example]) -> Sequence[Example]:
    """The rows as they are saved: chosen, answered and scored with their own references, and then shuffled if asked."""
    return chosen if config.shuffle_references is None else shuffle_references(chosen, config.shuffle_references)


def _marks(config: GrpoDataConfig) -> str:
    """The end of a generated name: `_reasoning`, `_shuffledSEED`, both, or nothing."""
    shuffled = "" if config.shuffle_references is None else f"_shuffled{config.shuffle_references}"
    return ("_reasoning" if config.reasoning else "") + shuffled
