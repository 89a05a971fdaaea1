"""Let several models answer the same prompts and compare their scores. Knows engines and rewards; trains nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bleuberi.artifacts import make_manifest, write_json, write_text
from bleuberi.data.pool import read_pool
from bleuberi.data.references import check_reference_choice, join_references
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Output, Sampling
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.statistics import Estimate, mean_estimate, paired_difference

log = logging.getLogger(__name__)

RESULT = "evaluation.json"
ANSWERS = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class EvaluationConfig:
    """Which models answer which prompts, and how their answers are scored. The first model is the base."""

    models: tuple[tuple[str, str], ...]  # (name, hub id or folder)
    prompts: str
    output_dir: Path
    ref_models: tuple[str, ...] = ("gold",)
    min_references: int | None = None  # None: every chosen one
    metrics: tuple[str, ...] = ("bleu", "rouge")
    max_new_tokens: int = 512
    engine: str = "auto"
    engine_options: EngineOptions = field(default_factory=EngineOptions)
    cache_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model's numbers: by metric its mean and its paired difference to the base (None for the base itself)."""

    name: str
    model: str
    mean: dict[str, Estimate]
    difference: dict[str, Estimate] | None
    mean_words: float
    cut_share: float  # of answers that reached the token limit


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The whole comparison, as it was saved."""

    folder: Path
    prompts: int
    signatures: dict[str, str]
    sampling_signature: str
    models: list[ModelResult]
    answers: list[dict[str, Any]]  # one a prompt: id, prompt, references, and for each model its answer and scores


def evaluate(config: EvaluationConfig) -> Evaluation:
    """Answer greedily, score, compare with the base on the same prompts, save. Errors: `UserError`."""
    names = [name for name, _ in config.models]
    if len(set(names)) < len(names):
        raise UserError("Two models have the same name.", "Name them apart: --models base=... trained=...")
    if config.max_new_tokens < 1:
        raise UserError(f"--max_new_tokens is {config.max_new_tokens}.", "Let answers have at least 1 token, e.g. 512.")
    check_reference_choice(config.ref_models, config.min_references)
    cluster = config.engine_options.cluster if config.engine == "ray" else None
    rewards = [load_reward_on(name, cluster) for name in config.metrics]
    pool = read_pool(config.prompts, config.ref_models)
    examples, tally = join_references(pool, config.ref_models, config.min_references)
    log.info("Prompts of %s: %s", pool.name, tally.sentence())
    sampling = Sampling(max_new_tokens=config.max_new_tokens, temperature=0.0, top_p=1.0)
    cache = config.cache_dir or config.output_dir / "inference_outputs"
    # All of them first: a wrong name is to be told before the others have answered for hours.
    engines = {name: cached_engine(model, config.engine, cache, config.engine_options) for name, model in config.models}
    outputs: dict[str, dict[str, Output]] = {}
    for name, model in config.models:
        log.info("Answers of %s (%s)", name, model)
        # Popped, so that its memory is free for the next one.
        outputs[name] = engines.pop(name).answer([row.conversation for row in examples], sampling)
    answered = [
        row for row in examples if all(out[row.id].finish_reason != "prompt_too_long" for out in outputs.values())
    ]
    if len(answered) < len(examples):
        log.warning("%d prompts are too long for a model and are left out for all", len(examples) - len(answered))
    if not answered:
        raise UserError(
            f"Every prompt is too long for a model that may write {config.max_new_tokens} tokens behind it.",
            "Lower --max_new_tokens, or compare on shorter prompts.",
        )
    scores = {name: _scores(answered, outputs[name], rewards) for name in names}
    results = [_model_result(name, model, outputs[name], answered, scores, names[0]) for name, model in config.models]
    signatures = {reward.name: reward.signature() for reward in rewards}
    rows = [_answer_row(row, outputs, scores, place) for place, row in enumerate(answered)]
    evaluation = Evaluation(config.output_dir, len(answered), signatures, sampling.signature(), results, rows)
    _save(evaluation, config, pool.content_sha256)
    return evaluation


def _scores(
    examples: Sequence[Example], outputs: dict[str, Output], rewards: Sequence[Reward]
) -> dict[str, list[float]]:
    """By metric one score an example; an answer that cannot be scored counts as 0.0, so that pairs stay pairs."""
    return {
        reward.name: [
            value if value is not None else 0.0
            for value in reward(
                prompts=[row.prompt for row in examples],
                responses=[outputs[row.id].text for row in examples],
                references=[row.references for row in examples],
            )
        ]
        for reward in rewards
    }


def _model_result(
    name: str,
    model: str,
    outputs: dict[str, Output],
    examples: Sequence[Example],
    scores: dict[str, dict[str, list[float]]],
    base: str,
) -> ModelResult:
    own = scores[name]
    clusters = [row.prompt for row in examples]  # a prompt that stands twice is one observation
    given = [outputs[row.id] for row in examples]
    return ModelResult(
        name=name,
        model=model,
        mean={metric: mean_estimate(values, clusters) for metric, values in own.items()},
        difference=None
        if name == base
        else {metric: paired_difference(scores[base][metric], values, clusters) for metric, values in own.items()},
        mean_words=sum(len(out.text.split()) for out in given) / len(given),
        cut_share=sum(out.finish_reason == "length" for out in given) / len(given),
    )


def _answer_row(
    row: Example, outputs: dict[str, dict[str, Output]], scores: dict[str, dict[str, list[float]]], place: int
) -> dict[str, Any]:
    return {
        "id": row.id,
        "prompt": row.prompt,
        "references": row.references,
        "answers": {name: by_id[row.id].text for name, by_id in outputs.items()},
        "scores": {name: {metric: values[place] for metric, values in own.items()} for name, own in scores.items()},
    }


def _save(evaluation: Evaluation, config: EvaluationConfig, pool_sha256: str) -> None:
    import json

    write_text(
        evaluation.folder / ANSWERS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in evaluation.answers)
    )
    settings = {
        "prompts": config.prompts,
        "pool_sha256": pool_sha256,
        "ref_models": list(config.ref_models),
        "min_references": config.min_references,
        "sampling_signature": evaluation.sampling_signature,
    }
    facts = {
        "prompts": evaluation.prompts,
        "signatures": evaluation.signatures,
        "models": [asdict(result) for result in evaluation.models],
    }
    write_json(evaluation.folder / RESULT, make_manifest("evaluation", settings, **facts))
