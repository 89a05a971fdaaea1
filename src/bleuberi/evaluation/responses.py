"""Every model's responses to the same prompts, from engines and from files."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar, cast

from bleuberi.artifacts import parts_hash
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
from bleuberi.on_disk import Looked, Mapped, Numbers, Spilled
from bleuberi.records import Example, Tally
from bleuberi.rewards.tags import tagged_answer

T = TypeVar("T")

log = logging.getLogger(__name__)

_WITHOUT: Final = "without a usable answer of a model"
_LACKING: Final = "without a response in a file"


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """The prompts that every model answered, the responses, and the models' identities. Texts are in files."""

    examples: Sequence[Example]  # N
    tally: Tally
    outputs: Mapping[str, Sequence[Output]]  # by model name, N
    identities: Mapping[str, ModelIdentity]
    files: Mapping[str, ResponseFile] = field(default_factory=dict)  # of the models that are files
    rewritten: Mapping[str, Rewritten] = field(default_factory=dict)  # by the base, for controls
    whole: Mapping[str, Sequence[Output]] | None = None  # with `reasoning`: responses before the answer was cut out

    def texts(self, name: str) -> Sequence[str]:
        """One model's answers in the order of the prompts."""
        return Mapped(self.outputs[name], lambda output: output.text)


def read_prompts(config: EvaluationConfig) -> tuple[Pool, Sequence[Example], Tally]:
    """Read the prompts, with references unless they are switched off, and with the system turn of `reasoning` if it is
    set. Errors: `UserError`."""
    pool, examples, tally = _read_prompts(config)
    if config.reasoning:
        examples = Mapped(examples, lambda row: replace(row, messages=with_reasoning(row.messages)))
    return pool, examples, tally


def _read_prompts(config: EvaluationConfig) -> tuple[Pool, Sequence[Example], Tally]:
    pool = read_pool(config.prompts, () if config.no_references else config.ref_models, config.split)
    if config.no_references:
        examples = Mapped(
            pool.rows,
            lambda row: Example(row.id, row.source, row.messages, row.prompt, row.ground_truth or "", []),
        )
        return pool, examples, Tally(len(examples), len(examples))
    joined, tally = join_references(pool, config.ref_models, config.min_references)
    log.info("Prompts of %s: %s", pool.name, tally.sentence())
    return pool, joined, tally


def facts_of(pool: Pool, examples: Sequence[Example]) -> Mapping[str, Mapping[str, str]]:
    """The facts of the examples that have any, by id, read from the pool at each access."""
    places: Numbers[str] = Numbers()
    rows = iter(enumerate(pool.rows))
    for example in examples:  # some of the rows, in their order
        place, row = next(found for found in rows if found[1].id == example.id)
        if row.facts:
            places.add(row.id, place)
    return Looked(places, lambda _, found: pool.rows[found[0]].facts)


def answer_prompts(
    config: EvaluationConfig,
    examples: Sequence[Example],
    tally: Tally,
    files: Mapping[str, ResponseFile],  # by model
    control_files: Mapping[str, ResponseFile],  # by control
) -> ModelAnswers:
    """Generate every model's greedy responses, from the cache if possible, and add those of files. Errors:
    `UserError`."""
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
    references = Mapped(examples, lambda row: row.references)
    if engines and (warning := cut_short(references, config.max_new_tokens, "--max_new_tokens")):
        log.warning(warning)
    outputs: dict[str, Sequence[Output | None]] = {}
    rewritten: Mapping[str, Rewritten] = {}
    for place, entry in enumerate(config.models):
        engine = engines.pop(entry.name, None)  # popped, so that its memory is free for the next one
        if engine is None:
            outputs[entry.name] = files[entry.name].outputs
        else:
            log.info("Answers of %s (%s)", entry.name, entry.model)
            asked = Mapped(examples, lambda row: row.conversation)
            outputs[entry.name] = Spilled(output for _, output in engine.answer_each(asked, config.sampling))
        if place == 0:
            rewritten = write_again(config, examples, outputs[entry.name], engine, control_files)
    places, dropped = _answered_by_all(outputs, len(examples), config.max_new_tokens)
    tally = Tally(tally.rows_in, len(places), {**tally.dropped, **dropped})
    whole = {name: cast(Sequence[Output], _at(found, places)) for name, found in outputs.items()}
    rewritten = {
        name: own if own.reason else replace(own, outputs=_at(own.outputs, places)) for name, own in rewritten.items()
    }
    answered = whole
    if config.reasoning:
        answered = {name: cast(Sequence[Output], Mapped(found, _answer_alone)) for name, found in whole.items()}
        rewritten = {name: replace(own, outputs=Mapped(own.outputs, _answer_alone)) for name, own in rewritten.items()}
    return ModelAnswers(
        _at(examples, places), tally, answered, identities, files, rewritten, whole if config.reasoning else None
    )


def _at(items: Sequence[T], places: Sequence[int]) -> Sequence[T]:
    """The items at those places, in ascending order; the items themselves if these are all."""
    return items if len(places) == len(items) else Mapped(places, items.__getitem__)


def _answer_alone(output: Output | None) -> Output | None:
    """The output without its reasoning: all measures, controls and the judge see the tagged answer."""
    return None if output is None else output._replace(text=tagged_answer(output.text))


def _answered_by_all(
    outputs: Mapping[str, Sequence[Output | None]], asked: int, max_new_tokens: int
) -> tuple[array[int], dict[str, int]]:
    """The places of the prompts that every model answered, and counts of the others by reason. Errors: `UserError` if
    no prompt remains."""
    answered = array("q")
    lacking = too_long = unusable = 0
    for place, row in enumerate(zip(*outputs.values(), strict=True)):
        if None in row:
            lacking += 1
        elif any(output is not None and output.finish_reason == "prompt_too_long" for output in row):
            too_long += 1
        elif any(output is not None and output.unanswered for output in row):
            unusable += 1
        else:
            answered.append(place)
    if too_long:
        log.warning("%d prompts are too long for a model and are omitted for all models", too_long)
    if unusable:
        log.warning("%d prompts lack a usable answer of a model and are omitted for all models", unusable)
    if not answered and too_long == asked:
        raise UserError(
            f"Every prompt is too long for a model that may write {max_new_tokens} more tokens.",
            "Lower --max_new_tokens, or compare on shorter prompts.",
        )
    if not answered and lacking:
        raise UserError(
            f"No prompt has a response from every model ({lacking} of {asked} prompts are missing from at "
            "least one file).",
            "Give files with responses to the same prompts.",
        )
    if not answered:
        raise UserError(
            f"No prompt remains: {too_long} are too long for a model, {unusable} have no usable answer of a model.",
            "Check the models and --base_url; the warnings above quote what the server sent.",
        )
    counts = {"too long for a model": too_long}
    counts |= {_WITHOUT: unusable} if unusable else {}
    return answered, counts | ({_LACKING: lacking} if lacking else {})


def distinct_runs(groups: Sequence[Group], answers: ModelAnswers) -> tuple[list[Group], list[str]]:
    """The groups without members that repeat an earlier member's responses, and a warning for each such member.

    A copied file is not another run. Runs that really end with the same responses are no more evidence than one of
    them.
    """
    kept, said = [], []
    for group in groups:
        first: dict[str, str] = {}
        for name in group.members:
            key = parts_hash(answers.texts(name)) if len(group.members) > 1 else ""
            earlier = first.setdefault(key, name)
            if earlier != name:
                said.append(f"{earlier} and {name} have the same responses, so they count as one run.")
        kept.append(Group(group.name, tuple(first.values())))
    return kept, said


def refuse_same_seeds(models: Sequence[EvaluatedModel], identities: Mapping[str, ModelIdentity]) -> None:
    """Errors: `UserError` if two seeds of a group are the same model or file: their agreement would be no evidence.

    Two different files may have the same responses: a degenerate training can end with them in every run.
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
