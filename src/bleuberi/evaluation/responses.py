"""Every model's responses to the same prompts, from engines and from files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bleuberi.data.pool import Pool, read_pool
from bleuberi.data.reasoning import with_reasoning
from bleuberi.data.references import join_references
from bleuberi.data.token_lengths import cut_short
from bleuberi.errors import UserError
from bleuberi.evaluation.base_controls import Rewritten, write_again
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.models import EvaluatedModel, Group
from bleuberi.evaluation.response_files import ResponseFile
from bleuberi.generation import cached_engine
from bleuberi.generation.base import Output
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.records import Example, Tally
from bleuberi.rewards.tags import tagged_answer

log = logging.getLogger(__name__)

_WITHOUT: Final = "without a usable answer of a model"
_LACKING: Final = "without a response in a file"


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The prompts that every model answered, the answers, and who they are of."""

    examples: list[Example]
    tally: Tally
    outputs: Mapping[str, Mapping[str, Output]]  # by model name and prompt id
    identities: Mapping[str, ModelIdentity]
    files: Mapping[str, ResponseFile] = field(default_factory=dict)  # of the models that are files
    rewritten: Mapping[str, Rewritten] = field(default_factory=dict)  # by the base, for controls
    whole: Mapping[str, Mapping[str, str]] | None = None  # with `reasoning`: responses before the answer was cut out

    def texts(self, name: str) -> list[str]:
        """One model's answers in the order of the prompts."""
        return [self.outputs[name][row.id].text for row in self.examples]


def read_prompts(config: EvaluationConfig) -> tuple[Pool, list[Example], Tally]:
    """The prompts, with references if they are wanted, and with the turn of `reasoning`. Errors: `UserError`."""
    pool, examples, tally = _read_prompts(config)
    if config.reasoning:
        examples = [replace(row, messages=with_reasoning(row.messages)) for row in examples]
    return pool, examples, tally


def _read_prompts(config: EvaluationConfig) -> tuple[Pool, list[Example], Tally]:
    pool = read_pool(config.prompts, () if config.no_references else config.ref_models, config.split)
    if config.no_references:
        examples = [
            Example(row.id, row.source, row.messages, row.prompt, row.ground_truth or "", []) for row in pool.rows
        ]
        return pool, examples, Tally(len(examples), len(examples))
    examples, tally = join_references(pool, config.ref_models, config.min_references)
    log.info("Prompts of %s: %s", pool.name, tally.sentence())
    return pool, examples, tally


def answer_prompts(
    config: EvaluationConfig,
    examples: Sequence[Example],
    tally: Tally,
    files: Mapping[str, ResponseFile],  # by model
    control_files: Mapping[str, ResponseFile],  # by control
) -> ModelAnswers:
    """Ask every model greedily, out of the cache if it can, and take the responses of files. Errors: `UserError`."""
    # All of them first: a wrong name is to be told before the others have answered for hours.
    engines = {
        entry.name: cached_engine(entry.model, config.engine, config.cache, config.engine_options)
        for entry in config.models
        if entry.name not in files
    }
    identities = {
        entry.name: files[entry.name].identity if entry.name in files else engines[entry.name].identity
        for entry in config.models
    }
    refuse_same_seeds(config.models, identities)
    references = [row.references for row in examples]
    if engines and (warning := cut_short(references, config.max_new_tokens, "--max_new_tokens")):
        log.warning(warning)
    outputs: dict[str, Mapping[str, Output]] = {}
    rewritten: Mapping[str, Rewritten] = {}
    for place, entry in enumerate(config.models):
        engine = engines.pop(entry.name, None)  # popped, so that its memory is free for the next one
        if engine is None:
            outputs[entry.name] = files[entry.name].outputs
        else:
            log.info("Answers of %s (%s)", entry.name, entry.model)
            outputs[entry.name] = engine.answer([row.conversation for row in examples], config.sampling)
        if place == 0:
            rewritten = write_again(config, examples, outputs[entry.name], engine, control_files)
    whole = None
    if config.reasoning:
        whole = {name: {key: out.text for key, out in by_id.items()} for name, by_id in outputs.items()}
        outputs = {name: _answers_alone(by_id) for name, by_id in outputs.items()}
        rewritten = {name: replace(own, outputs=_answers_alone(own.outputs)) for name, own in rewritten.items()}
    answered, dropped = _answered_by_all(examples, outputs, config.max_new_tokens)
    tally = Tally(tally.rows_in, len(answered), {**tally.dropped, **dropped})
    return ModelAnswers(answered, tally, outputs, identities, files, rewritten, whole)


def _answers_alone(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """The outputs without their reasoning: all measures, controls and the judge see the tagged answer."""
    return {key: out._replace(text=tagged_answer(out.text)) for key, out in outputs.items()}


def _answered_by_all(
    examples: Sequence[Example], outputs: Mapping[str, Mapping[str, Output]], max_new_tokens: int
) -> tuple[list[Example], dict[str, int]]:
    """The prompts that every model answered, and how many others there are by reason. Errors: `UserError`, none."""
    found = {row.id: [out[row.id] for out in outputs.values() if row.id in out] for row in examples}
    lacking = {row_id for row_id, outs in found.items() if len(outs) < len(outputs)}
    too_long = {row_id for row_id, outs in found.items() if any(out.finish_reason == "prompt_too_long" for out in outs)}
    unusable = {row_id for row_id, outs in found.items() if any(out.unanswered for out in outs)}
    too_long, unusable = too_long - lacking, unusable - lacking - too_long
    answered = [row for row in examples if row.id not in lacking | too_long | unusable]
    if too_long:
        log.warning("%d prompts are too long for a model and are left out for all", len(too_long))
    if unusable:
        log.warning("%d prompts have no usable answer of a model and are left out for all", len(unusable))
    if not answered and len(too_long) == len(examples):
        raise UserError(
            f"Every prompt is too long for a model that may write {max_new_tokens} tokens behind it.",
            "Lower --max_new_tokens, or compare on shorter prompts.",
        )
    if not answered and lacking:
        raise UserError(
            f"No prompt has a response of every model: {len(lacking)} of {len(examples)} lack one in a file.",
            "Give files with responses to the same prompts.",
        )
    if not answered:
        raise UserError(
            f"No prompt is left: {len(too_long)} are too long for a model, {len(unusable)} have no usable answer of a "
            "model.",
            "Check the models and --base_url; the warnings above quote what the server sent.",
        )
    counts = {"too long for a model": len(too_long)}
    counts |= {_WITHOUT: len(unusable)} if unusable else {}
    return answered, counts | ({_LACKING: len(lacking)} if lacking else {})


def distinct_runs(groups: Sequence[Group], answers: ModelAnswers) -> tuple[list[Group], list[str]]:
    """The groups without members that repeat the responses of an earlier one, and a warning for each of those.

    A copied file is not another run; runs that truly end in the same responses tell no more than one of them.
    """
    kept, said = [], []
    for group in groups:
        first: dict[tuple[str, ...], str] = {}
        for name in group.members:
            earlier = first.setdefault(tuple(answers.texts(name)), name)
            if earlier != name:
                said.append(f"{earlier} and {name} have the same responses, so they count as one run.")
        kept.append(Group(group.name, tuple(first.values())))
    return kept, said


def refuse_same_seeds(models: Sequence[EvaluatedModel], identities: Mapping[str, ModelIdentity]) -> None:
    """Errors: `UserError` if two seeds of a group are one model or one file, which would pass for agreement.

    Two files may have the same responses: a degenerate training can end so in every run.
    """
    seen: dict[tuple[str, str], str] = {}
    for entry in models:
        path = entry.response_file
        key = entry.group, identities[entry.name].key() if path is None else str(path.resolve())
        if key in seen:
            what = "model" if path is None else "file"
            raise UserError(
                f"{seen[key]} and {entry.name} are the same {what}, not two seeds.", f"Give each seed its own {what}."
            )
        seen[key] = entry.name
