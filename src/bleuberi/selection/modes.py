"""The selection modes: a table of functions that pick examples of a pool for a plan.

To add a mode, write its function, and name it in `MODES` and in the choices of `config`, whose import needs no numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from bleuberi.on_disk import Mapped
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.on_cluster import spread
from bleuberi.selection.pick import BY_SCORE, Places, rows_at, select, select_random
from bleuberi.selection.record import Picked, ScoredSample
from bleuberi.selection.responses import Answers, answers_from_file, answers_from_model
from bleuberi.selection.samples import Samples, samples_from_file, samples_from_model
from bleuberi.selection.scores import Scores, imported_scores, score_pool
from bleuberi.selection.signal import SignalRequest, pick_by_signal

if TYPE_CHECKING:
    from bleuberi.selection.request import Plan


def _random(plan: Plan, examples: Sequence[Example]) -> Picked:
    """Draw rows; only they are answered and scored, and only if responses are given."""
    config, path = plan.config, plan.scores_path
    places = select_random(len(examples), config.num_examples or len(examples), config.seed)
    if path is not None:  # beside the whole pool's scores, which stay for the modes that need them
        path = path.with_name(f"{path.stem}_random_{len(places)}.json")
    answers, scores = _score(plan, rows_at(examples, places), path)
    unselected = len(examples) - len(places)
    if scores is None:
        return Picked(places, {**answers.dropped, "not selected": unselected})
    places = places[np.asarray(scores.places)]
    return _picked(plan, places, places, answers, scores, path, unselected)


def _by_score(plan: Plan, examples: Sequence[Example]) -> Picked:
    """Score all rows, and choose by the rule of `pick.BY_SCORE`."""
    answers, scores = _score(plan, examples, plan.scores_path)
    if scores is None:
        raise ValueError("a choice by score was asked for without scores")
    places = np.asarray(scores.places)
    chosen = places[select(np.asarray(scores.values), plan.config.selection_mode, plan.config.num_examples)]
    return _picked(plan, chosen, places, answers, scores, plan.scores_path, len(places) - len(chosen))


def _signal(plan: Plan, examples: Sequence[Example]) -> Picked:
    """Score several samples of each row, and choose by the spread of their rewards."""
    config, settings, path = plan.config, plan.config.signal_settings, plan.scores_path
    if plan.reward is None or config.metric is None or path is None:
        raise ValueError("signal was asked for without scores")
    sampling = settings.sampling(config.inference_max_new_tokens, config.seed)

    def draw(rows: Sequence[Example]) -> Samples:
        if config.outputs is not None:
            return samples_from_file(rows, config.outputs, config.model, sampling, settings.num_samples)
        if config.model is None:
            raise ValueError("samples were asked for without a model")
        cache = config.output_dir / "inference_outputs"
        return samples_from_model(
            rows, config.model, sampling, config.engine, cache, settings.num_samples, config.engine_options
        )

    # The `model` of stored samples may be a mere name; a folder that is there has a tokenizer to count with.
    known = config.outputs is None or (config.model is not None and (Path(config.model) / "config.json").is_file())
    request = SignalRequest(
        settings=settings,
        reward=_spread(plan, plan.reward),
        draw=draw,
        scores_path=path,
        max_tokens=config.inference_max_new_tokens,
        tokenizer_of=config.model if known else None,
        count=config.num_examples,
    )
    return pick_by_signal(examples, request)


class Mode(NamedTuple):
    """A mode's function, and whether it needs scores or several samples."""

    pick: Callable[[Plan, Sequence[Example]], Picked]
    needs_scores: bool = True  # without: --num_examples is required, and a protocol's flags for scores are ignored
    takes_samples: bool = False  # several of each row, by `SignalSettings`


MODES: Final[Mapping[str, Mode]] = {
    "random": Mode(_random, needs_scores=False),
    **dict.fromkeys(BY_SCORE, Mode(_by_score)),
    "signal": Mode(_signal, takes_samples=True),
}


def _score(plan: Plan, examples: Sequence[Example], path: Path | None) -> tuple[Answers, Scores | None]:
    """Get responses and scores. Scores of the original program are imported; new ones are saved at `path`."""
    config = plan.config
    if path is None or plan.reward is None or plan.metric is None:
        return Answers({}), None
    if config.outputs is not None:
        answers = answers_from_file(examples, config.outputs, config.model)
    elif plan.imported is not None:
        return Answers({}), imported_scores(examples, plan.metric, plan.imported)
    elif config.model is None:
        raise ValueError("outputs were asked for without a model")
    else:
        cache = config.output_dir / "inference_outputs"
        answers = answers_from_model(
            examples, config.model, config.sampling, config.engine, cache, config.engine_options,
            generate_missing=config.generate_missing,
        )  # fmt: skip
    responses = (answers.text_by_id.get(row.id) for row in examples)
    return answers, score_pool(examples, responses, _spread(plan, plan.reward), path)


def _spread(plan: Plan, reward: Reward) -> Reward:
    return spread(reward, plan.config.metric or "", plan.config.scoring_cluster)


def _picked(
    plan: Plan,
    chosen: Places,
    places: Places,  # of the scored rows
    answers: Answers,
    scores: Scores,
    path: Path | None,
    unselected: int,
) -> Picked:
    values, texts, metric = scores.values, scores.responses, plan.metric or ""
    numbers = range(len(values))
    return Picked(
        chosen=chosen,
        dropped={**answers.dropped, **scores.dropped, "not selected": unselected},
        scored=places,
        scores=np.asarray(values),
        samples=Mapped(numbers, lambda row: [ScoredSample(values[row], None if texts is None else texts[row])]),
        columns=Mapped(numbers, lambda row: {metric: values[row]}),
        signature=scores.signature,
        scores_path=None if scores.imported_from else path,
        provenance={"scores_imported_from": scores.imported_from.name} if scores.imported_from else answers.provenance,
        generated_now=answers.generated_now,
    )
