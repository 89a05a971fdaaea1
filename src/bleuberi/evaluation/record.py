"""An evaluation as its files hold it. Knows what every part computed, and the names it gets; computes little itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bleuberi.artifacts import make_manifest
from bleuberi.evaluation.comparison import CONTROL, ScoreComparison, comparisons, to_json
from bleuberi.evaluation.config import EvaluationConfig
from bleuberi.evaluation.judge import JudgeConfig
from bleuberi.evaluation.judge_prompt import JUDGE_PROMPT
from bleuberi.evaluation.judge_results import judge_warnings
from bleuberi.evaluation.length_control import shortened_share
from bleuberi.evaluation.measures import Measure
from bleuberi.evaluation.model_facts import TrainingFacts, tokenizer_hash
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.responses import ModelAnswers
from bleuberi.evaluation.verdict import ROLE_BASE, TrainedGroup, verdict
from bleuberi.evaluation.warnings import answer_warnings, training_warnings
from bleuberi.rewards.blindness import blind_warnings


@dataclass(frozen=True, slots=True)
class Parts:
    """What the record is made from."""

    config: EvaluationConfig
    groups: list[Group]
    chosen: list[Measure]
    answers: ModelAnswers
    controls: Mapping[str, list[str]]  # by trained model: the base's answers at its lengths
    scores: Mapping[str, Mapping[str, Sequence[float | None]]]
    facts: Mapping[str, TrainingFacts | None]  # by model
    compared: ScoreComparison


def content_of(parts: Parts, settings: Mapping[str, Any], judge: dict[str, Any] | None = None) -> dict[str, Any]:
    """`evaluation.json`."""
    groups, answers = parts.groups, parts.answers
    compared = parts.compared
    models = [_model_record(parts, place) for place in range(len(parts.config.models))]
    found = comparisons(compared, groups)
    controls = [_control_record(parts, group) for group in groups[1:] if parts.controls]
    trained = [TrainedGroup(group.name, parts.facts[group.members[0]]) for group in groups]
    grouped = [
        {
            "name": group.name,
            "members": list(group.members),
            "role": ROLE_BASE if place == 0 else trained[place].role,
            "label": trained[place].label,
            "mean": to_json(compared.mean(group)),
        }
        for place, group in enumerate(groups)
    ]
    cut = {model["name"]: model["cut_share"] for model in models}
    warnings = answer_warnings(answers, {model["name"]: model["tokenizer"] for model in models}, cut)
    folders = {entry.name: entry.model for entry in parts.config.models}
    warnings += training_warnings(groups, parts.facts, folders, answers.examples)
    scored = [measure.reward for measure in parts.chosen if measure.role == "score"]
    warnings += blind_warnings(scored, [row.references for row in answers.examples])
    if parts.config.judge is not None:
        warnings += judge_warnings(judge["pairs"]) if judge else ["The judge has not finished: run the command again."]
    tally = answers.tally
    return make_manifest(
        "evaluation",
        settings,
        base=groups[0].name,
        prompts=len(answers.examples),
        rows={"rows_in": tally.rows_in, "kept": tally.kept, "dropped": dict(tally.dropped)},
        metrics=[
            {"name": measure.name, "signature": measure.reward.signature(), "role": measure.role,
             "better": measure.better, "unscored": compared.unscored[measure.name]}
            for measure in parts.chosen
        ],
        signatures={measure.name: measure.reward.signature() for measure in parts.chosen},
        models=models,
        groups=grouped,
        comparisons=found,
        controls=controls,
        judge=judge,
        verdict=_verdict_record(parts, trained, grouped, found, controls, judge),
        warnings=warnings,
    )  # fmt: skip


def _model_record(parts: Parts, place: int) -> dict[str, Any]:
    entry = parts.config.models[place]
    alone, base = Group(entry.name, (entry.name,)), parts.groups[0]
    given = [parts.answers.outputs[entry.name][row.id] for row in parts.answers.examples]
    facts = parts.facts[entry.name]
    return {
        "name": entry.name,
        "group": entry.group,
        "seed": entry.seed,
        "model": entry.model,
        "revision": parts.answers.identities[entry.name].revision,
        "tokenizer": tokenizer_hash(entry.model),
        "training": None if facts is None else asdict(facts),
        "mean": to_json(parts.compared.mean(alone)),
        "difference": None if entry.name in base.members else to_json(parts.compared.difference(base, alone)),
        "mean_words": sum(len(out.text.split()) for out in given) / len(given),
        "cut_share": sum(out.finish_reason == "length" for out in given) / len(given),
        "refused": sum(out.finish_reason == "refused" for out in given),
    }


def _control_record(parts: Parts, group: Group) -> dict[str, Any]:
    base = parts.answers.texts(parts.groups[0].members[0])
    shares = [shortened_share(base, parts.controls[name]) for name in group.members]
    return {
        "base": parts.groups[0].members[0],
        "other": group.name,
        "shortened": sum(shares) / len(shares),
        "mean": to_json(parts.compared.control_mean(group)),
        "difference": to_json(parts.compared.control_difference(group)),
    }


def _verdict_record(
    parts: Parts,
    trained: Sequence[TrainedGroup],
    grouped: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    controls: Sequence[Mapping[str, Any]],
    judge: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    scored = [measure.name for measure in parts.chosen if measure.role == "score"]
    if not scored:
        return None
    difference = {(row["base"], row["other"]): _scores_only(row["difference"], scored, 1.0) for row in found}
    difference |= {(other, base): _scores_only(found, scored, -1.0) for (base, other), found in difference.items()}
    base = parts.groups[0].name
    made = verdict(
        base,
        trained[1:],
        scored[0],
        difference,
        {row["other"]: row["difference"][scored[0]] for row in controls},
        {
            (pair["base"], pair["other"]): pair["win_rate"]
            for pair in (judge or {}).get("pairs", [])
            if pair["win_rate"]
        },
    )
    if made is None:
        return None
    table = [
        {
            "role": row["role"], "group": row["name"], "label": row["label"], "mean": row["mean"],
            "difference": None if row["name"] == base else difference[base, row["name"]],
            "data": None if group.facts is None else group.facts.prompts_sha256,
            "steps": None if group.facts is None else group.facts.steps,
        }
        for row, group in zip(grouped, trained, strict=True)
    ]  # fmt: skip
    return {"table": table, **made}


def _scores_only(by_metric: Mapping[str, Any], scored: Sequence[str], sign: float) -> dict[str, dict[str, Any]]:
    """The scores' differences, turned round where `sign` is -1."""
    return {name: dict(by_metric[name]) if sign > 0 else _turned(by_metric[name]) for name in scored}


def _turned(estimate: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (None if estimate[bound] is None else -estimate[bound] for bound in ("high", "low"))
    return {**estimate, "value": -estimate["value"], "low": low, "high": high}


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
        "finish": {name: by_id[row.id].finish_reason for name, by_id in outputs.items()},
    }
    if parts.controls:
        shown["controls"] = {
            name: {"text": cut[place], "scores": _at(parts.scores[CONTROL + name], place)}
            for name, cut in parts.controls.items()
        }
    return shown


def _at(scores: Mapping[str, Sequence[float | None]], place: int) -> dict[str, float | None]:
    return {metric: values[place] for metric, values in scores.items()}


def judge_record(config: JudgeConfig, pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """The judge in `evaluation.json`."""
    return {
        "settings": config.settings(), "signature": config.signature(), "prompt": JUDGE_PROMPT, "pairs": pairs,
    }  # fmt: skip
