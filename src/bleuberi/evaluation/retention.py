"""Measure how a training changed responses to unrelated prompts: `evaluate --retention PROMPTS`.

Every model answers greedily, and four times at temperature 1. `kl` is the divergence from the base per token, on the
model's own greedy responses; `drift` compares those with the base's; `diversity` is the share of different word pairs
among a prompt's four samples.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from bleuberi.artifacts import json_hash
from bleuberi.data.pool import read_questions
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.response_files import cut_share
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output
from bleuberi.generation.model_identity import is_exported
from bleuberi.records import Conversation
from bleuberi.rewards import load_reward
from bleuberi.statistics import prompt_clusters, runs_of

log = logging.getLogger(__name__)

SAMPLES: Final = 4
_SIMILAR: Final = "bleu"


@dataclass(frozen=True, slots=True)
class Kept:
    """One model's responses to the retention prompts: a greedy one and four samples per prompt."""

    greedy: list[Output]  # N
    samples: list[list[str]]  # N x SAMPLES


def read_retention(config: EvaluationConfig) -> list[Conversation]:
    """Read the retention prompts; an empty list if none are requested. Errors: `UserError` if the pool cannot be read,
    or if a model is a file of responses, which cannot answer new prompts."""
    if config.retention is None:
        return []
    files = [entry.name for entry in config.models if entry.response_file is not None]
    if files:
        raise UserError(
            f"--retention needs a model, but {files[0]} contains responses.",
            "Give model folders or hub ids, or omit --retention.",
        )
    asked = [conversation for _, conversation in read_questions(config.retention)]
    if not asked:
        raise UserError(f"{config.retention} has no prompts.", "Give a pool; it needs no references.")
    return asked


def retention_settings(asked: Sequence[Conversation]) -> dict[str, str]:
    """The retention prompts' hash, stored in the evaluation's settings because they affect its numbers; empty without
    prompts."""
    return {"retention": json_hash([list(row.messages) for row in asked])} if asked else {}


def retention(config: EvaluationConfig, asked: Sequence[Conversation]) -> dict[str, Any]:
    """Measure retention and return the part of `evaluation.json` about it. Errors: `UserError` of the engine, or if a
    model answered no prompt."""
    kept: dict[str, Kept] = {}
    sampled = replace(config.sampling, temperature=1.0)
    for entry in config.models:
        engine = cached_engine(entry.model, config.engine, config.cache, config.engine_options)
        log.info("Retention: answers of %s (%s)", entry.name, entry.model)
        greedy = engine.answer(asked, config.sampling)
        samples = engine.answer_samples(asked, sampled, SAMPLES)
        texts = [[out.text for out in outputs] for outputs in samples]
        kept[entry.name] = Kept([greedy[row.id] for row in asked], texts)
    whole = [place for place in range(len(asked)) if not any(one.greedy[place].unanswered for one in kept.values())]
    if not whole:
        raise UserError("No prompt of --retention has an answer of every model.", "Check the prompts' lengths.")
    asked = [asked[place] for place in whole]
    kept = {
        name: Kept([one.greedy[place] for place in whole], [one.samples[place] for place in whole])
        for name, one in kept.items()
    }
    base, *others = config.models
    clusters = prompt_clusters([row.messages[-1]["content"] for row in asked])
    rows = [_own(base.name, kept[base.name], clusters)]
    for entry in others:
        found, reason = _divergence(config, base.model, entry.model, asked, kept[entry.name].greedy)
        kl = None if found is None else _mean(found, clusters)
        rows.append({**_own(entry.name, kept[entry.name], clusters), "kl": kl, "kl_missing": reason,
                     **_against(kept[base.name], kept[entry.name], clusters)})  # fmt: skip
    return {"prompts": len(asked), "samples": SAMPLES, "similarity": load_reward(_SIMILAR).signature(), "models": rows}


def distinct_pairs(texts: Sequence[str]) -> float | None:
    """The share of different word pairs among all word pairs of the texts, or None."""
    pairs = [pair for text in texts for words in [text.split()] for pair in pairwise(words)]
    return len(set(pairs)) / len(pairs) if pairs else None


def _own(name: str, one: Kept, clusters: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "diversity": _mean([distinct_pairs(texts) for texts in one.samples], clusters),
        "words": sum(len(out.text.split()) for out in one.greedy) / len(one.greedy),
        "cut_share": cut_share(one.greedy),
    }


def _against(base: Kept, other: Kept, clusters: Sequence[str]) -> dict[str, Any]:
    """Drift of the greedy responses from the base's, and what became of the diversity."""
    texts, references = [out.text for out in other.greedy], [[out.text] for out in base.greedy]
    similar = load_reward(_SIMILAR)(prompts=[""] * len(texts), responses=texts, references=references)
    same = [float([text] == own) for text, own in zip(texts, references, strict=True)]
    pairs = [(distinct_pairs(one), distinct_pairs(two)) for one, two in zip(base.samples, other.samples, strict=True)]
    both = [place for place, pair in enumerate(pairs) if None not in pair]
    change = None
    if both:
        table = runs_of(np.asarray([pairs[place] for place in both], dtype=np.float64), [clusters[at] for at in both])
        change = asdict(table.difference([0], [1], trained=(False, False)))
    return {"similarity": _mean(similar, clusters), "same": _mean(same, clusters), "diversity_difference": change}


def _divergence(
    config: EvaluationConfig, base: str, other: str, asked: Sequence[Conversation], responses: Sequence[Output]
) -> tuple[list[float | None] | None, str | None]:
    """KL per token by prompt, or why there is none."""
    if config.engine not in ("auto", "transformers"):
        return None, f"the engine is {config.engine}; KL needs both models' logits (--engine transformers)"
    for model in (base, other):
        if is_exported(model):
            return None, f"{model} is exported for OpenVINO; KL needs both models' logits"
    from bleuberi.evaluation.token_kl import token_kl

    return token_kl(base, other, asked, responses, config.engine_options)


def _mean(values: Sequence[float | None], clusters: Sequence[str]) -> dict[str, Any] | None:
    kept = [place for place, value in enumerate(values) if value is not None]
    if not kept:
        return None
    table = runs_of(np.asarray([[values[place]] for place in kept], dtype=np.float64), [clusters[at] for at in kept])
    return asdict(table.mean([0]))
