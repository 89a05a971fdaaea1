"""The record of an evaluation: `evaluation.json` and `answers.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bleuberi.artifacts import make_manifest
from bleuberi.evaluation.comparison import ScoreComparison, comparisons, to_json, turned
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.controls import Control, control_records
from bleuberi.evaluation.gains import Gains
from bleuberi.evaluation.judge_results import judge_warnings
from bleuberi.evaluation.measures import COPIED, Measure, family_of
from bleuberi.evaluation.model_facts import TrainingFacts, tokenizer_hash
from bleuberi.evaluation.models import Group, Primary
from bleuberi.evaluation.response_files import cut_share
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.verdict import ROLE_BASE, Asked, TrainedGroup, question_sizes, questions, verdict
from bleuberi.evaluation.warnings import NO_UNTRAINED, answer_warnings, training_warnings
from bleuberi.generation.judge import JudgeConfig
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.blindness import blind_warnings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the record is made from."""

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


def content_of(parts: Parts, settings: Mapping[str, Any], judge: dict[str, Any] | None = None) -> dict[str, Any]:
    """`evaluation.json`."""
    groups, answers = parts.groups, parts.answers
    compared = parts.compared
    models = [_model_record(parts, place) for place in range(len(parts.config.models))]
    controls = control_records(parts.controls, groups, compared)
    trained = [TrainedGroup(group.name, parts.facts[group.members[0]]) for group in groups]
    scored = [measure.name for measure in parts.chosen if measure.role == "score"]
    asked = questions(trained[0], trained[1:], parts.primary.pair) if parts.primary is not None else []
    found = comparisons(compared, groups, question_sizes(asked, scored[0]) if scored else None)
    grouped = [
        {
            "name": group.name,
            "members": list(group.members),
            "role": ROLE_BASE if place == 0 else trained[place].role,
            "label": trained[place].label,
            "placebo": group.name in parts.config.placebo,
            "trained_on": [] if place == 0 else _trained_on(trained[place], parts.config),
            "mean": to_json(compared.mean(group)),
        }
        for place, group in enumerate(groups)
    ]
    cut = {model["name"]: model["cut_share"] for model in models}
    warnings = answer_warnings(answers, {model["name"]: model["tokenizer"] for model in models}, cut, parts.repeated)
    folders = {entry.name: entry.model for entry in parts.config.models}
    warnings += training_warnings(groups, parts.facts, folders, answers.examples, parts.config.reasoning)
    untrained = _untrained(parts.chosen, grouped)
    if scored and not untrained and len(groups) > 1:
        warnings.append(NO_UNTRAINED)
    rewards = [one.reward for one in parts.chosen if one.role == "score" and isinstance(one.reward, TextReward)]
    warnings += blind_warnings(rewards, [row.references for row in answers.examples])
    if parts.config.judge is not None:
        warnings += judge_warnings(judge["pairs"]) if judge else ["The judge has not finished: run the command again."]
    gains = parts.gains.records(scored[0]) if scored else []
    tally = answers.tally
    return make_manifest(
        "evaluation",
        settings,
        base=groups[0].name,
        primary=_primary_record(parts),
        prompts=len(answers.examples),
        rows={"rows_in": tally.rows_in, "kept": tally.kept, "dropped": dict(tally.dropped)},
        metrics=[
            {"name": measure.name, "signature": measure.reward.signature(), "role": measure.role,
             "family": measure.family, "better": measure.better, "unscored": compared.unscored[measure.name]}
            for measure in parts.chosen
        ],
        signatures={measure.name: measure.reward.signature() for measure in parts.chosen},
        models=models,
        groups=grouped,
        comparisons=found,
        controls=controls,
        copied={"metric": COPIED, "references": parts.gains.references_copied()},
        gain=gains,
        untrained=untrained,
        judge=judge,
        verdict=_verdict_record(asked, scored, trained, grouped, found, controls, judge, gains),
        warnings=warnings,
    )  # fmt: skip


def _primary_record(parts: Parts) -> dict[str, Any] | None:
    if parts.primary is None:
        return None
    return {**parts.primary._asdict(), "declared": parts.config.primary is not None}


def _trained_on(group: TrainedGroup, config: EvaluationConfig) -> list[str]:
    """The families of the scores that a training pays for; SFT imitates the references, so it pays for overlap."""
    if group.name in config.untrained:
        return []
    if group.facts is not None and not group.facts.rewards:
        return [family_of("bleu")]
    rewards = config.trained_on if group.facts is None else group.facts.rewards
    return sorted({family_of(reward) for reward in rewards})


def _untrained(chosen: Sequence[Measure], grouped: Sequence[Mapping[str, Any]]) -> list[str]:
    """The scores that no group was trained on, nor on a sibling of theirs."""
    paid = {part for row in grouped for family in row["trained_on"] for part in family.split("+")}
    return [one.name for one in chosen if one.role == "score" and not paid & set(one.family.split("+"))]


def _model_record(parts: Parts, place: int) -> dict[str, Any]:
    entry = parts.config.models[place]
    alone, base = Group(entry.name, (entry.name,)), parts.groups[0]
    given = [parts.answers.outputs[entry.name][row.id] for row in parts.answers.examples]
    file = parts.answers.files.get(entry.name)
    facts = parts.facts[entry.name]
    return {
        "name": entry.name,
        "group": entry.group,
        "seed": entry.seed,
        "model": entry.model,
        "responses": {"from": "model"} if file is None else file.record(),
        "revision": parts.answers.identities[entry.name].revision,
        "tokenizer": tokenizer_hash(entry.model),
        "training": None if facts is None else asdict(facts),
        "mean": to_json(parts.compared.mean(alone)),
        "difference": None if entry.name in base.members else to_json(parts.compared.difference(base, alone)),
        "mean_words": sum(len(out.text.split()) for out in given) / len(given),
        "cut_share": cut_share(given),
        "refused": sum(out.finish_reason == "refused" for out in given),
    }


def _verdict_record(
    asked: Sequence[Asked],
    scored: Sequence[str],
    trained: Sequence[TrainedGroup],
    grouped: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    controls: Sequence[Mapping[str, Any]],
    judge: Mapping[str, Any] | None,
    gains: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    differences = {(row["base"], row["other"]): dict(row["difference"]) for row in found}
    differences |= {
        (other, base): {name: turned(estimate) for name, estimate in by_metric.items()}
        for (base, other), by_metric in differences.items()
    }
    judged = {
        (pair["base"], pair["other"]): pair["win_rate"] for pair in (judge or {}).get("pairs", []) if pair["win_rate"]
    }
    made = verdict(asked, scored, differences, controls, judged, gains)
    if made is None:
        return None
    base = trained[0].name
    table = [
        {
            "role": row["role"], "group": row["name"], "label": row["label"], "mean": row["mean"],
            "difference": None if row["name"] == base else differences[base, row["name"]],
            "data": None if group.facts is None else group.facts.prompts_sha256,
            "steps": None if group.facts is None else group.facts.steps,
        }
        for row, group in zip(grouped, trained, strict=True)
    ]  # fmt: skip
    return {"table": table if any(group.facts for group in trained) else [], **made}


def answer_row(parts: Parts, place: int) -> dict[str, Any]:
    """A line of `answers.jsonl`."""
    row, outputs = parts.answers.examples[place], parts.answers.outputs
    shown = {
        "id": row.id,
        "source": row.source,
        "prompt": row.prompt,
        "references": row.references,
        "answers": {name: by_id[row.id].text for name, by_id in outputs.items()},
        "scores": {name: _at(parts.scores[name], place) for name in outputs},
        "words": {name: len(by_id[row.id].text.split()) for name, by_id in outputs.items()},
        "finish": {name: _known(by_id[row.id].finish_reason) for name, by_id in outputs.items()},
    }
    if parts.answers.whole is not None:
        shown["responses"] = {name: by_id[row.id] for name, by_id in parts.answers.whole.items()}
    if parts.controls:
        shown["controls"] = {
            control.name: {
                name: {"text": texts[place], "scores": _at(parts.scores[control.column(name)], place)}
                for name, texts in control.texts.items()
            }
            for control in parts.controls
            if control.texts
        }
    return shown


def _known(reason: str) -> str | None:
    return None if reason == "unknown" else reason


def _at(scores: Mapping[str, Sequence[float | None]], place: int) -> dict[str, float | None]:
    return {metric: values[place] for metric, values in scores.items()}


def judge_record(config: JudgeConfig, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """The judge in `evaluation.json`."""
    return {
        "settings": config.settings(), "signature": config.signature(), "prompt": config.prompt, "pairs": pairs,
    }  # fmt: skip
