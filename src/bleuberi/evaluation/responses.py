"""Every model's answers to the same prompts. Knows pools and engines; scores nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bleuberi.data.pool import Pool, read_pool
from bleuberi.data.references import join_references
from bleuberi.errors import UserError
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.models import EvaluatedModel
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example, Tally

log = logging.getLogger(__name__)

_WITHOUT: Final = "without a usable answer of a model"


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The prompts that every model answered, the answers, and who they are of."""

    examples: list[Example]
    tally: Tally
    outputs: Mapping[str, Mapping[str, Output]]  # by model name and prompt id
    identities: Mapping[str, ModelIdentity]

    def texts(self, name: str) -> list[str]:
        """One model's answers in the order of the prompts."""
        return [self.outputs[name][row.id].text for row in self.examples]


def read_prompts(config: EvaluationConfig) -> tuple[Pool, list[Example], Tally]:
    """The prompts, with references where they are wanted. Errors: `UserError`."""
    pool = read_pool(config.prompts, ())
    if config.no_references:
        examples = [
            Example(row.id, row.source, row.messages, row.prompt, row.ground_truth or "", []) for row in pool.rows
        ]
        return pool, examples, Tally(len(examples), len(examples))
    if not pool.reference_models:
        raise UserError(
            f"{config.prompts} has no references, so answers cannot be scored against any.",
            "Make some with bleuberi references, or compare by words and a judge alone: --no_references.",
        )
    pool = read_pool(config.prompts, config.ref_models)
    examples, tally = join_references(pool, config.ref_models, config.min_references)
    log.info("Prompts of %s: %s", pool.name, tally.sentence())
    return pool, examples, tally


def answer_prompts(config: EvaluationConfig, examples: Sequence[Example], tally: Tally) -> ModelAnswers:
    """Ask every model greedily, out of the cache where it can. Errors: `UserError`."""
    # All of them first: a wrong name is to be told before the others have answered for hours.
    engines = {
        entry.name: cached_engine(entry.model, config.engine, config.cache, config.engine_options)
        for entry in config.models
    }
    identities = {name: engine.identity for name, engine in engines.items()}
    refuse_same_seeds(config.models, identities)
    outputs: dict[str, dict[str, Output]] = {}
    for entry in config.models:
        log.info("Answers of %s (%s)", entry.name, entry.model)
        # Popped, so that its memory is free for the next one.
        outputs[entry.name] = engines.pop(entry.name).answer([row.conversation for row in examples], config.sampling)
    too_long = sum(any(out[row.id].finish_reason == "prompt_too_long" for out in outputs.values()) for row in examples)
    answered = [row for row in examples if not any(out[row.id].unanswered for out in outputs.values())]
    without = len(examples) - len(answered) - too_long
    if too_long:
        log.warning("%d prompts are too long for a model and are left out for all", too_long)
    if without:
        log.warning("%d prompts have no usable answer of a model and are left out for all", without)
    if not answered and too_long == len(examples):
        raise UserError(
            f"Every prompt is too long for a model that may write {config.max_new_tokens} tokens behind it.",
            "Lower --max_new_tokens, or compare on shorter prompts.",
        )
    if not answered:
        raise UserError(
            f"No prompt is left: {too_long} are too long for a model, {without} have no usable answer of a model.",
            "Check the models and --base_url; the warnings above quote what the server sent.",
        )
    dropped = {**tally.dropped, "too long for a model": too_long, **({_WITHOUT: without} if without else {})}
    return ModelAnswers(answered, Tally(tally.rows_in, len(answered), dropped), outputs, identities)


def refuse_same_seeds(models: Sequence[EvaluatedModel], identities: Mapping[str, ModelIdentity]) -> None:
    """Errors: `UserError` where two seeds of a group are one model, which would pass for agreement between seeds."""
    seen: dict[tuple[str, str], str] = {}
    for entry in models:
        key = entry.group, identities[entry.name].key()
        if key in seen:
            raise UserError(
                f"{seen[key]} and {entry.name} are the same model, not two seeds.", "Give each seed its own folder."
            )
        seen[key] = entry.name
