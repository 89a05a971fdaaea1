"""Make the record of an evaluation, and the lines of `answers.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from typing import Any

from bleuberi.data.tables import is_hub_id
from bleuberi.evaluation.comparison import ScoreComparison, comparisons
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.controls import Control, control_records
from bleuberi.evaluation.gains import Gains
from bleuberi.evaluation.judge_results import judge_warnings
from bleuberi.evaluation.measures import COPIED, Measure, family_of
from bleuberi.evaluation.model_facts import TrainingFacts, tokenizer_hash
from bleuberi.evaluation.models import Group, Primary
from bleuberi.evaluation.record import (
    Copied,
    EvaluationRecord,
    GroupMeans,
    Judged,
    JudgeResult,
    Metric,
    Model,
    VerdictRow,
)
from bleuberi.evaluation.record import Primary as PrimaryRecord
from bleuberi.evaluation.response_files import cut_share
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.verdict import ROLE_BASE, TrainedGroup, question_sizes, questions, verdict
from bleuberi.evaluation.warnings import NO_UNTRAINED, answer_warnings, training_warnings
from bleuberi.generation.options import JudgeConfig
from bleuberi.on_disk import Mapped
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.blindness import blind_warnings


@dataclass(frozen=True, slots=True)
class Parts:
    """The inputs of the record."""

    config: EvaluationConfig
    groups: list[Group]
    chosen: list[Measure]
    answers: ModelAnswers
    controls: list[Control]
    scores: Mapping[str, Mapping[str, Sequence[float | None]]]
    facts: Mapping[str, TrainingFacts | None]  # by model
    compared: ScoreComparison
    gains: Gains
    primary: Primary | None
    repeated: list[str]  # sentences on runs that repeat another


def record_of(
    parts: Parts,
    settings: Mapping[str, Any],
    pairs: Sequence[Judged] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> EvaluationRecord:
    """Create the record. `pairs`: the judged pairs, if the judge has finished."""
    groups, answers, compared = parts.groups, parts.answers, parts.compared
    models = tuple(_model(parts, place) for place in range(len(parts.config.models)))
    controls = control_records(parts.controls, groups, compared)
    trained = [TrainedGroup(group.name, parts.facts[group.members[0]]) for group in groups]
    scored = [measure.name for measure in parts.chosen if measure.role == "score"]
    asked = questions(trained[0], trained[1:], parts.primary.pair) if parts.primary is not None else []
    grouped = tuple(
        GroupMeans(
            name=group.name,
            members=group.members,
            role=ROLE_BASE if place == 0 else trained[place].role,
            label=trained[place].label,
            placebo=group.name in parts.config.placebo,
            trained_on=() if place == 0 else _trained_on(trained[place], parts.config),
            mean=compared.mean(group),
        )
        for place, group in enumerate(groups)
    )
    untrained = _untrained(parts.chosen, grouped)
    judge = parts.config.judge
    made = EvaluationRecord(
        config=settings,
        base=groups[0].name,
        primary=_primary(parts),
        prompts=len(answers.examples),
        hub_dataset={"id": parts.config.prompts, "split": parts.config.split}
        if is_hub_id(parts.config.prompts)
        else None,
        rows=answers.tally,
        metrics=tuple(
            Metric(one.name, one.reward.signature(), one.role, one.family, one.better, compared.unscored[one.name])
            for one in parts.chosen
        ),
        signatures={measure.name: measure.reward.signature() for measure in parts.chosen},
        models=models,
        groups=grouped,
        comparisons=comparisons(compared, groups, question_sizes(asked, scored[0]) if scored else None),
        controls=controls,
        copied=Copied(COPIED, parts.gains.references_copied()),
        gain=parts.gains.records(scored[0]) if scored else (),
        untrained=untrained,
        judge=_judged(judge, pairs) if judge is not None and pairs is not None else None,
        verdict=None,
        warnings=_warnings(parts, models, pairs, lone=bool(scored) and not untrained and len(groups) > 1),
        retention=kept or {},
    )  # fmt: skip
    won = {(pair.base, pair.other): pair.win_rate for pair in pairs or () if pair.win_rate}
    found = verdict(asked, scored, made.between(), controls, won, made.gain)
    return replace(made, verdict=found and replace(found, table=_verdict_table(made, trained)))


def _judged(judge: JudgeConfig, pairs: Sequence[Judged]) -> JudgeResult:
    return JudgeResult(
        settings=judge.settings(), signature=judge.signature(), prompt=judge.prompt, pairs=tuple(pairs)
    )  # fmt: skip


def _warnings(parts: Parts, models: Sequence[Model], pairs: Sequence[Judged] | None, *, lone: bool) -> tuple[str, ...]:
    """Caveats. `lone`: every score belongs to a family that was trained on."""
    answers = parts.answers
    cut = {model.name: model.cut_share for model in models}
    found = answer_warnings(answers, {model.name: model.tokenizer for model in models}, cut, parts.repeated)
    folders = {entry.name: entry.model for entry in parts.config.models}
    found += training_warnings(parts.groups, parts.facts, folders, answers.examples, parts.config.reasoning)
    if lone:
        found.append(NO_UNTRAINED)
    rewards = [one.reward for one in parts.chosen if one.role == "score" and isinstance(one.reward, TextReward)]
    found += blind_warnings(rewards, Mapped(answers.examples, lambda row: row.references))
    if parts.config.judge is not None:
        unfinished = ["The judge has not finished: run the command again."]
        found += unfinished if pairs is None else judge_warnings(pairs)
    return tuple(found)


def _primary(parts: Parts) -> PrimaryRecord | None:
    return None if parts.primary is None else PrimaryRecord(*parts.primary, parts.config.primary is not None)


def _trained_on(group: TrainedGroup, config: EvaluationConfig) -> tuple[str, ...]:
    """The families of the scores that a training optimised; SFT on references counts as training on overlap with
    them."""
    if group.name in config.untrained:
        return ()
    rewards = config.trained_on if group.facts is None else group.facts.paid or ("bleu",)
    return tuple(sorted({family_of(reward) for reward in rewards}))


def _untrained(chosen: Sequence[Measure], grouped: Sequence[GroupMeans]) -> tuple[str, ...]:
    """The scores whose family no group was trained on."""
    paid = {part for group in grouped for family in group.trained_on for part in family.split("+")}
    return tuple(one.name for one in chosen if one.role == "score" and not paid & set(one.family.split("+")))


def _model(parts: Parts, place: int) -> Model:
    entry = parts.config.models[place]
    alone, base = Group(entry.name, (entry.name,)), parts.groups[0]
    given = parts.answers.outputs[entry.name]
    file = parts.answers.files.get(entry.name)
    facts = parts.facts[entry.name]
    return Model(
        name=entry.name,
        group=entry.group,
        seed=entry.seed,
        model=entry.model,
        responses={"from": "model"} if file is None else file.record(),
        revision=parts.answers.identities[entry.name].revision,
        tokenizer=tokenizer_hash(entry.model),
        training=None if facts is None else asdict(facts),
        mean=parts.compared.mean(alone),
        difference=None if entry.name in base.members else parts.compared.difference(base, alone),
        mean_words=sum(len(out.text.split()) for out in given) / len(given),
        cut_share=cut_share(given),
        refused=sum(out.finish_reason == "refused" for out in given),
    )


def _verdict_table(made: EvaluationRecord, trained: Sequence[TrainedGroup]) -> tuple[VerdictRow, ...]:
    """A row for each group, if one was trained here."""
    if not any(group.facts for group in trained):
        return ()
    differences = made.between()
    return tuple(
        VerdictRow(
            role=row.role,
            group=row.name,
            label=row.label,
            mean=row.mean,
            difference=None if row.name == made.base else differences[made.base, row.name],
            data=None if group.facts is None else group.facts.prompts_sha256,
            steps=None if group.facts is None else group.facts.steps,
        )
        for row, group in zip(made.groups, trained, strict=True)
    )


def answer_rows(parts: Parts) -> Iterator[dict[str, Any]]:
    """The lines of `answers.jsonl`."""
    answers, names = parts.answers, list(parts.answers.outputs)
    controls = [control for control in parts.controls if control.texts]
    columns = [parts.scores[control.column(name)] for control in controls for name in control.texts]
    every = zip(  # noqa: B905 - some have no end
        answers.examples,
        _rows(answers.outputs.values()),
        _rows(_scores(parts.scores[name]) for name in names),
        _rows((answers.whole or {}).values()),
        _rows(texts for control in controls for texts in control.texts.values()),
        _rows(map(_scores, columns)),
    )
    for row, outputs, scores, responses, texts, controlled in every:
        shown = {
            "id": row.id,
            "source": row.source,
            "prompt": row.prompt,
            "references": row.references,
            "answers": {name: output.text for name, output in zip(names, outputs, strict=True)},
            "scores": dict(zip(names, scores, strict=True)),
            "words": {name: len(output.text.split()) for name, output in zip(names, outputs, strict=True)},
            "finish": {name: _known(output.finish_reason) for name, output in zip(names, outputs, strict=True)},
        }
        if answers.whole is not None:
            shown["responses"] = {name: output.text for name, output in zip(answers.whole, responses, strict=True)}
        if parts.controls:
            made = iter(zip(texts, controlled, strict=True))
            shown["controls"] = {
                control.name: {name: dict(zip(("text", "scores"), next(made), strict=True)) for name in control.texts}
                for control in controls
            }
        yield shown


def _rows(columns: Iterable[Iterable[Any]]) -> Iterator[tuple[Any, ...]]:
    """Row by row the items of several columns; without columns, empty rows without end."""
    given = list(columns)
    return zip(*given, strict=True) if given else repeat(())


def _scores(by_metric: Mapping[str, Sequence[float | None]]) -> Iterator[dict[str, float | None]]:
    return (dict(zip(by_metric, row, strict=True)) for row in zip(*by_metric.values(), strict=True))


def _known(reason: str) -> str | None:
    return None if reason == "unknown" else reason
