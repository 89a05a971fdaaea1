"""Read and score answers, rank their models, and write `agreement.json`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

import bleuberi
from bleuberi import columns
from bleuberi.agreement.answers import Answer, labels_of, read_answers, serving_as_references
from bleuberi.agreement.choice import best_of_sentence, choice_sentence, length_sentences
from bleuberi.agreement.config import SystemsConfig
from bleuberi.agreement.judged import answer_pairs, best_answers
from bleuberi.agreement.record import SCHEMA, find_agreement, request_of, write_result
from bleuberi.agreement.references import pool_prompts, pool_references
from bleuberi.agreement.run_pairs import fingerprint
from bleuberi.agreement.scores import FloatArray, named_rewards
from bleuberi.agreement.systems import SystemScores, check_order, compare, correlations, draw
from bleuberi.agreement.systems_verdict import systems_verdict, systems_warnings
from bleuberi.agreement.tables import read_rows
from bleuberi.errors import UserError
from bleuberi.redaction import redact_words
from bleuberi.rewards import Reward
from bleuberi.rewards.base import score_responses
from bleuberi.rewards.baselines import BASELINES, ECHO_BASELINE, LENGTH_BASELINE
from bleuberi.rewards.blindness import blind_warnings
from bleuberi.statistics import prompt_clusters, resampled_means, spearman_p_value

FEWEST_SYSTEMS = 3

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of answers by prompt and model."""

    answers: list[Answer]
    prompt_ids: list[str]  # P
    systems: list[str]  # S

    @property
    def clusters(self) -> list[str]:  # P
        """A cluster label per prompt; prompts that differ only in white space or case share a label."""
        text = {answer.prompt_id: answer.prompt for answer in self.answers if answer.prompt.strip()}
        return prompt_clusters([text.get(name) or f"id {name}" for name in self.prompt_ids])

    def matrix(self, values: Sequence[float | None]) -> FloatArray:  # one value per answer -> P x S
        """Arrange values of answers as prompts x models."""
        row = {name: index for index, name in enumerate(self.prompt_ids)}
        column = {name: index for index, name in enumerate(self.systems)}
        filled = np.full((len(row), len(column)), np.nan)
        for answer, value in zip(self.answers, values, strict=True):
            if value is not None:
                filled[row[answer.prompt_id], column[answer.model]] = value
        return filled


def run_systems(config: SystemsConfig, command: Sequence[str], log: Log) -> dict[str, Any]:
    """Compute agreement with labels of models; write `agreement.json` and return its content."""
    rewards = named_rewards(config.rewards)
    request = request_of(config, "systems", rewards)
    if (there := find_agreement(config, request, log)) is not None:
        return there
    rows = read_rows(config.outputs, split=config.split)
    pool_rows = read_rows(config.pool, split=config.split) if config.pool else None
    by_id = any(row.get(config.id_column) is not None for row in rows)
    answers, tally = read_answers(
        rows, id_column=config.id_column, label_column=config.label_column, ref_models=config.ref_models,
        max_references=config.max_references,
        pool=pool_references(pool_rows, config.pool_id_column if by_id else columns.PROMPT) if pool_rows else None,
    )  # fmt: skip
    if pool_rows and by_id:  # rows that refer to prompts by id
        prompts = pool_prompts(pool_rows, config.pool_id_column)
        answers = [replace(one, prompt=one.prompt or prompts.get(one.prompt_id, "")) for one in answers]
    log(f"{config.outputs}: {tally.sentence()} answers")
    gold = {str(row["x_gold_model"]) for row in (pool_rows or rows) if row.get("x_gold_model")}
    excluded = serving_as_references(answers, sorted(gold))
    excluded |= dict.fromkeys(config.exclude_systems, "is listed in --exclude_systems")
    labels = labels_of(read_rows(config.labels), config.label_column) if config.labels else _mean_labels(answers)
    present = list(dict.fromkeys(answer.model for answer in answers))
    unlabelled = [name for name in present if name not in labels and name not in excluded]
    ranked = [name for name in present if name in labels and name not in excluded]
    systems = sorted(ranked, key=lambda name: -labels[name])
    if len(systems) < FEWEST_SYSTEMS:
        raise UserError(
            f"{len(systems)} models remain to rank: {', '.join(systems) or 'none'} (excluded: "
            f"{', '.join([*excluded, *unlabelled])}).",
            f"Give {FEWEST_SYSTEMS} or more models that have a label in {config.label_column} and are not references.",
        )
    kept = [answer for answer in answers if answer.model in set(systems)]
    grid = Grid(kept, list(dict.fromkeys(answer.prompt_id for answer in kept)), systems)
    scores = [_score(name, reward, "reward", grid, log) for name, reward in rewards.items()]
    # The echo needs the prompts' texts.
    baselines = [one for one in BASELINES if one.name != ECHO_BASELINE or any(answer.prompt for answer in kept)]
    scores += [_score(one.name, one(), "baseline", grid, log) for one in baselines]
    log(f"resampling prompts and models {config.sureness.resamples:,} times")
    result = analyse_systems(grid, scores, np.array([labels[name] for name in systems]), config)
    document = {
        "schema": SCHEMA,
        "kind": "systems",
        "command": redact_words(command),
        "version": bleuberi.__version__,
        "inputs": {
            "outputs": fingerprint(config.outputs),
            "pool": fingerprint(config.pool) if config.pool else None,
            "labels": fingerprint(config.labels) if config.labels else "mean of the answers' own labels",
            "answers": {"in": tally.rows_in, "kept": len(kept), "dropped": dict(tally.dropped)},
            "excluded_systems": {name: excluded[name] for name in excluded if name in present},
            "systems_without_label": unlabelled,
            "references_mean": float(np.mean([len(answer.reference_by_model) for answer in kept])),
        },
        "sureness": asdict(config.sureness),
        "length_baseline": LENGTH_BASELINE,
        "label": config.label_column,
        **result,
    }
    references = [list(answer.reference_by_model.values()) for answer in kept]
    document["warnings"] = [*blind_warnings(rewards.values(), references), *systems_warnings(document)]
    document["choice"] = _choice(document)
    document["verdict"] = systems_verdict(document, scores[0].name)
    write_result(document, config.output_dir, request)
    return document


def analyse_systems(
    grid: Grid, scores: Sequence[SystemScores], labels: FloatArray, config: SystemsConfig
) -> dict[str, object]:
    """Correlations, their differences, pairs of answers, and expected orders, as plain data."""
    draws = draw(scores, config.sureness, grid.clusters)
    found = {one.name: correlations(one, labels, draws, config.sureness) for one in scores}
    values = {name: estimates["spearman"]["both"].value for name, (estimates, _) in found.items()}
    comparisons = compare(
        scores, values, {name: drawn["spearman"] for name, (_, drawn) in found.items()}, config.sureness
    )
    lead = {one["other"]: one["difference"] for one in comparisons if one["base"] == LENGTH_BASELINE}
    judged = grid.matrix([answer.label for answer in grid.answers])
    couples = answer_pairs(scores, judged, grid.clusters, config.sureness)
    over_length = {one["other"]: one["difference"] for one in couples.comparisons if one["base"] == LENGTH_BASELINE}
    tests = {one.name: spearman_p_value(np.nanmean(one.matrix, axis=0).tolist(), labels.tolist()) for one in scores}
    means = {
        one.name: resampled_means(
            one.matrix, grid.clusters, resamples=config.sureness.resamples, seed=config.sureness.seed
        )
        for one in scores
    }
    return {
        "counts": {
            "systems": len(grid.systems),
            "prompts": len(set(grid.clusters)),
            "prompts_all_answered": int(np.isfinite(scores[0].matrix).all(axis=1).sum()),
            "answers": len(grid.answers),
        },
        "rewards": [
            {
                "name": one.name,
                "kind": one.kind,
                "signature": one.signature,
                **{
                    statistic: {over: asdict(estimate) for over, estimate in found[one.name][0][statistic].items()}
                    for statistic in ("spearman", "kendall")
                },
                "follows_label": dict(zip(("p_value", "method"), tests[one.name], strict=True)),
                "spearman_minus_length": lead.get(one.name),
                "answer_pairs": couples.agreement.get(one.name),
                "answer_pairs_minus_length": over_length.get(one.name),
                "answer_pairs_balanced": couples.balanced.get(one.name),
                "margin_quarters": couples.quarters.get(one.name, []),
                "prefers_longer": couples.prefers_longer.get(one.name),
            }
            for one in scores
        ],
        "comparisons": comparisons,
        "answer_comparisons": couples.comparisons,
        "balanced_comparisons": couples.balanced_comparisons,
        "best_of_n": best_answers(scores, judged, grid.clusters, config.sureness),
        "systems": [
            {
                "name": name,
                "label": float(labels[place]),
                "means": {
                    one.name: asdict(means[one.name].estimate(place, config.sureness.confidence)) for one in scores
                },
            }
            for place, name in enumerate(grid.systems)
        ],
        "orders": [
            check_order(one, _places(order, grid.systems), order.split("<"), config.sureness, grid.clusters)
            for order in config.expect_order
            for one in scores
            if one.kind != "baseline" or one.name == LENGTH_BASELINE
        ],
    }


def _score(name: str, reward: Reward, kind: str, grid: Grid, log: Log) -> SystemScores:
    log(f"scoring {len(grid.answers):,} answers with {name}")
    given = score_responses(
        reward,
        prompts=[answer.prompt for answer in grid.answers],
        responses=[answer.output for answer in grid.answers],
        references=[list(answer.reference_by_model.values()) for answer in grid.answers],
    )
    return SystemScores(name, kind, reward.signature(), grid.matrix(given))


def _mean_labels(answers: Sequence[Answer]) -> dict[str, float]:
    given: dict[str, list[float]] = {}
    for answer in answers:
        if answer.label is not None:
            given.setdefault(answer.model, []).append(answer.label)
    return {model: sum(values) / len(values) for model, values in given.items()}


def _choice(document: dict[str, Any]) -> str:
    rewards, confidence = document["rewards"], document["sureness"]["confidence"]
    sentence = choice_sentence(rewards, document["balanced_comparisons"], "answer_pairs_balanced", confidence)
    if sentence:
        best = max(
            (one for one in rewards if one["kind"] == "reward" and one["answer_pairs_balanced"]),
            key=lambda one: one["answer_pairs_balanced"]["value"],
        )
        sentence += " " + best_of_sentence(document["best_of_n"], best["name"], LENGTH_BASELINE, document["label"])
    return " ".join([sentence, *length_sentences(rewards)]).strip()


def _places(order: str, systems: Sequence[str]) -> list[int]:
    names = order.split("<")
    unknown = [name for name in names if name not in systems]
    if unknown or len(names) < 2:
        raise UserError(
            f"--expect_order {order!r} {'has unknown ' + ', '.join(unknown) if unknown else 'has one model'}.",
            f"Join models with <, lowest first: {', '.join(systems)[:300]}.",
        )
    return [systems.index(name) for name in names]
