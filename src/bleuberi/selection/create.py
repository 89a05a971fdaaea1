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
from bleuberi.errors import UserError
from bleuberi.generation.turns import folded
from bleuberi.records import Example, Tally
from bleuberi.rewards import load_reward
from bleuberi.rewards.blindness import refuse_blind
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.selection.config import GrpoDataConfig
from bleuberi.selection.dataset_folder import MadeDataset, find_made, refuse_taken_name, save_dataset
from bleuberi.selection.examples import SELECTION_EXAMPLES, selection_examples
from bleuberi.selection.pick import select, select_random
from bleuberi.selection.record import SELECTION_RECORD, Picked, ScoredSample, selection_record
from bleuberi.selection.request import label_of, made_by_original, request_of, scored_by_original
from bleuberi.selection.responses import Answers, answers_from_file, answers_from_model
from bleuberi.selection.samples import Samples, samples_from_file, samples_from_model
from bleuberi.selection.scores import Scores, imported_scores, score_pool
from bleuberi.selection.signal import SignalRequest, pick_by_signal

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
    config = replace(config, metric=config.answer_metric)
    config.check()
    parent = config.output_dir / "data_grpo"
    if (there := made_by_original(config, parent, config.num_examples)) is not None:
        return _reused(there)
    pool = read_pool(config.hf_dataset_path, config.ref_models, config.split)
    request = request_of(config, pool)
    label = label_of(config)
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
    references = [row.references for row in examples]
    if config.metric is not None and (warning := refuse_blind(load_reward(config.metric), references)):
        log.warning(warning)
    if config.metric is not None and not config.scores_needed:
        why = "random takes rows without scores" if config.model else "nothing to score without --model or --outputs"
        log.info("The data set is saved without scores: %s", why)
    scores_path = config.output_dir / "scored_outputs" / f"{label}.json" if config.scores_needed else None
    picked = _pick(config, examples, scores_path)
    reasons = Counter(joined.dropped)
    reasons.update(picked.dropped)
    tally = Tally(len(pool.rows), len(picked.chosen), dict(reasons))
    _tell(config, tally)
    metric = config.metric_name if picked.signature else None
    if (there := made_by_original(config, parent, len(picked.chosen))) is not None:
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


def _pick(config: GrpoDataConfig, examples: Sequence[Example], scores_path: Path | None) -> Picked:
    if config.selection_mode == "signal":
        if config.metric is None or scores_path is None:
            raise ValueError("signal was asked for without scores")
        return pick_by_signal(examples, _signal_request(config, config.metric, scores_path))
    if config.selection_mode == "random":
        drawn = _draw(examples, config)  # before scoring: only what was drawn is answered and scored
        if scores_path is not None:  # beside the whole pool's scores, which stay for the modes that need them
            scores_path = scores_path.with_name(f"{scores_path.stem}_random_{len(drawn)}.json")
        answers, scores = _score(drawn, config, scores_path)
        chosen = drawn if scores is None else [row for row in drawn if row.id in scores.by_id]
        unselected = len(examples) - len(drawn)
    else:
        answers, scores = _score(examples, config, scores_path)
        by_id = {row.id: row for row in examples}
        chosen = (
            [by_id[row] for row in select(scores.by_id, config.selection_mode, config.num_examples)] if scores else []
        )
        unselected = (len(scores.by_id) if scores else 0) - len(chosen)
    dropped = {**answers.dropped, **(scores.dropped if scores else {}), "not selected": unselected}
    metric = config.metric_name
    if scores is None or metric is None:
        return Picked(chosen, dropped)
    return Picked(
        chosen=chosen,
        dropped=dropped,
        samples_by_id={row: [ScoredSample(score, answers.text_by_id.get(row))] for row, score in scores.by_id.items()},
        columns_by_id={row.id: {metric: scores.by_id[row.id]} for row in chosen},
        signature=scores.signature,
        scores_path=None if scores.imported_from else scores_path,
        provenance={"scores_imported_from": scores.imported_from.name} if scores.imported_from else answers.provenance,
        generated_now=answers.generated_now,
    )


def _signal_request(config: GrpoDataConfig, metric: str, scores_path: Path) -> SignalRequest:
    settings = config.signal_settings
    sampling = settings.sampling(config.inference_max_new_tokens, config.seed)

    def draw(examples: Sequence[Example]) -> Samples:
        if config.outputs is not None:
            return samples_from_file(examples, config.outputs, config.model, sampling, settings.num_samples)
        if config.model is None:
            raise ValueError("samples were asked for without a model")
        cache = config.output_dir / "inference_outputs"
        return samples_from_model(
            examples, config.model, sampling, config.engine, cache, settings.num_samples, config.engine_options
        )

    # The `model` of stored samples may be a mere name; a folder that is there has a tokenizer to count with.
    known = config.outputs is None or (config.model is not None and (Path(config.model) / "config.json").is_file())
    return SignalRequest(
        settings=settings,
        reward=load_reward_on(metric, config.scoring_cluster),
        draw=draw,
        scores_path=scores_path,
        max_tokens=config.inference_max_new_tokens,
        tokenizer_of=config.model if known else None,
        count=config.num_examples,
    )


def _tell(config: GrpoDataConfig, tally: Tally) -> None:
    if not tally.kept:
        raise UserError(
            f"No example is left: {tally.sentence()}.",
            "Choose other references, another model or a smaller --inference_max_new_tokens, by what was dropped.",
        )
    if config.num_examples is not None and tally.kept < config.num_examples:
        log.warning("Asked for %d examples, but only %d are there: all are kept", config.num_examples, tally.kept)
    log.info("Selection %s: %s", config.selection_mode, tally.sentence())


def _score(examples: Sequence[Example], config: GrpoDataConfig, path: Path | None) -> tuple[Answers, Scores | None]:
    """Answers and scores; scores of the original program are imported, new ones kept at `path`."""
    if path is None or config.metric is None or config.metric_name is None:
        return Answers({}), None
    if config.outputs is not None:
        answers = answers_from_file(examples, config.outputs, config.model)
    else:
        imported = scored_by_original(config)
        if imported is not None:
            return Answers({}), imported_scores(examples, config.metric_name, imported)
        if config.model is None:
            raise ValueError("outputs were asked for without a model")
        cache = config.output_dir / "inference_outputs"
        answers = answers_from_model(
            examples, config.model, config.sampling, config.engine, cache, config.engine_options,
            generate_missing=config.generate_missing,
        )  # fmt: skip
    reward = load_reward_on(config.metric, config.scoring_cluster)
    return answers, score_pool(examples, answers.text_by_id, reward, path)


def _draw(examples: Sequence[Example], config: GrpoDataConfig) -> list[Example]:
    by_id = {row.id: row for row in examples}
    return [by_id[row] for row in select_random(list(by_id), config.num_examples or len(by_id), config.seed)]


def _placebo(config: GrpoDataConfig, chosen: Sequence[Example]) -> Sequence[Example]:
    """The rows as they are saved: chosen, answered and scored with their own references, and then shuffled if asked."""
    return chosen if config.shuffle_references is None else shuffle_references(chosen, config.shuffle_references)


def _marks(config: GrpoDataConfig) -> str:
    """The end of a generated name: `_reasoning`, `_shuffledSEED`, both, or nothing."""
    shuffled = "" if config.shuffle_references is None else f"_shuffled{config.shuffle_references}"
    return ("_reasoning" if config.reasoning else "") + shuffled
