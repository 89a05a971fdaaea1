"""Generate several models' responses to the same prompts, or read them from files, and compare the models.

First responses, then scores, then the judge. The result is saved before the judge is asked, and again after it, so the
scores are kept if the judge fails for good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bleuberi.artifacts import write_json, write_lines
from bleuberi.data.references import check_reference_choice
from bleuberi.data.tables import table_files
from bleuberi.errors import UserError
from bleuberi.evaluation.base_controls import read_control_files, rewritten_controls
from bleuberi.evaluation.comparison import ScoreComparison
from bleuberi.evaluation.config import (
    ANSWERS,
    JUDGMENTS,
    EvaluationConfig,
    refuse_other_evaluation,
)
from bleuberi.evaluation.controls import CONTROLS, CUT, ECHO, Control, cut_control, echo_control, placebo_controls
from bleuberi.evaluation.gains import Gains
from bleuberi.evaluation.judge_results import member_pairs, pairs_to_judge, summarise
from bleuberi.evaluation.lm_eval import check_lm_eval, run_lm_eval
from bleuberi.evaluation.measures import Measure, measures, primary_first, score_columns, with_facts
from bleuberi.evaluation.model_facts import TrainingFacts, training_facts
from bleuberi.evaluation.models import Group, Primary, check_groups, groups_of, primary_of
from bleuberi.evaluation.number_file import NumberFile
from bleuberi.evaluation.record import RESULT
from bleuberi.evaluation.response_files import ResponseFile, read_response_files
from bleuberi.evaluation.responses import ModelAnswers, answer_prompts, distinct_runs, facts_of, read_prompts
from bleuberi.evaluation.retention import read_retention, retention, retention_settings
from bleuberi.evaluation.verdict import TrainedGroup, questions
from bleuberi.evaluation.write import Parts, answer_rows, record_of
from bleuberi.generation.judge import Judge, Judgment
from bleuberi.made import refuse_input
from bleuberi.rewards.base import traits_of
from bleuberi.statistics import prompt_codes

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The comparison's folder, and the content of its `evaluation.json`."""

    folder: Path
    content: dict[str, Any]


def evaluate(config: EvaluationConfig) -> Evaluation:
    """Run the evaluation: respond, score, compare, judge, save. Errors: `UserError`."""
    if config.max_new_tokens < 1:
        raise UserError(f"--max_new_tokens is {config.max_new_tokens}.", "Give at least 1, e.g. 512.")
    for name in (ANSWERS, JUDGMENTS):
        refuse_input(config.output_dir / name, _inputs(config), "Choose another --output_dir.")
    check_reference_choice(config.ref_models, config.min_references)
    check_lm_eval(config.lm_eval, config.models)
    groups = groups_of(config.models)
    chosen = _measures(config)
    facts = {entry.name: training_facts(entry.model) for entry in config.models}
    of_groups = _of_groups(groups, facts)
    # A wrong name is reported before hours of work.
    questions(*_trained(of_groups), None if config.primary is None else config.primary.pair)
    check_groups(groups, config.placebo, config.untrained)
    pairs = pairs_to_judge(config.judge.pairs, groups, of_groups) if config.judge else []
    judge = Judge(config.judge, config.cache) if config.judge else None  # a missing key is told before hours of work
    if len(groups) == 1:
        config = replace(config, controls={})  # there is no gain to explain
    asked = read_retention(config)
    pool, examples, tally = read_prompts(config)
    chosen = with_facts(chosen, facts_of(pool, examples))
    primary = _primary(config, groups, chosen, facts)
    chosen = primary_first(chosen, primary)
    files = read_response_files(config.models, examples)
    control_files = read_control_files(config.controls, examples)
    settings = config.settings(pool.content_sha256, _revisions(files, control_files)) | retention_settings(asked)
    judged_before = refuse_other_evaluation(config, settings)
    answers = answer_prompts(config, examples, tally, files, control_files)
    groups, repeated = distinct_runs(groups, answers)
    controls = _controls(config, groups, answers)
    parts = _scored(config, groups, chosen, answers, controls, facts, primary, repeated)
    kept = retention(config, asked) if asked else None
    content = record_of(parts, settings, kept=kept).document()
    if not judged_before:
        _save(parts, content, [])
    if judge is not None and config.judge is not None:
        judged = [_judge_pair(judge, base, other, answers) for base, other in pairs]
        summaries = [
            summarise(base, other, found, {row.id: row.prompt for row in answers.examples})
            for (base, other), found in zip(pairs, judged, strict=True)
        ]
        content = record_of(parts, settings, summaries, kept).document()
        _save(parts, content, [row for found in judged for column in found for row in column])
    if config.lm_eval:
        found = run_lm_eval(config.models, config.lm_eval, config.lm_eval_args, config.output_dir)
        content = {**content, "lm_eval": found}
        write_json(config.output_dir / RESULT, content)
    return Evaluation(config.output_dir, content)


def _inputs(config: EvaluationConfig) -> list[str | Path | None]:
    asked = [path for source in (config.prompts, config.retention) if source for path in table_files(source)]
    files = (entry.response_file for entry in config.models)
    return [*asked, *files, *config.controls.values(), config.engine_options.answers]


def _measures(config: EvaluationConfig) -> list[Measure]:
    chosen = measures(config.scored_by, config.engine_options.cluster if config.engine == "ray" else None)
    needing = [measure.name for measure in chosen if traits_of(measure.reward).needs_references]
    if config.no_references and needing:
        raise UserError(
            f"{', '.join(needing)} cannot be computed with --no_references.",
            "Omit those --metrics, or give prompts with references.",
        )
    return chosen


def _primary(
    config: EvaluationConfig,
    groups: Sequence[Group],
    chosen: Sequence[Measure],
    facts: Mapping[str, TrainingFacts | None],
) -> Primary | None:
    scores = [measure.name for measure in chosen if measure.role == "score"]
    trained_here = {group.name for group in groups if facts[group.members[0]] is not None}
    return primary_of(config.primary, groups, scores, trained_here, {*config.placebo, *config.untrained})


def _revisions(files: Mapping[str, ResponseFile], controls: Mapping[str, ResponseFile]) -> dict[str, str]:
    """The content hash of each file, for `EvaluationConfig.settings`."""
    named = {**files, **{f":{name}": file for name, file in controls.items()}}
    return {name: file.identity.revision for name, file in named.items()}


def _controls(config: EvaluationConfig, groups: Sequence[Group], answers: ModelAnswers) -> list[Control]:
    """The controls of all trained models. The base's responses are those of its first member, if it has seeds."""
    base = groups[0].members[0]
    others = {name: answers.texts(name) for group in groups[1:] for name in group.members}
    found = {control.name: control for control in rewritten_controls(answers.rewritten, base, answers.outputs[base])}
    if ECHO in config.controls:
        found[ECHO] = echo_control(base, answers.examples, others)
    if CUT in config.controls:
        found[CUT] = cut_control(base, answers.texts(base), others)
    placebos = placebo_controls(config.placebo) if config.placebo or config.controls.keys() >= set(CONTROLS) else []
    return [*(found[name] for name in config.controls), *placebos]


def _scored(
    config: EvaluationConfig,
    groups: list[Group],
    chosen: list[Measure],
    answers: ModelAnswers,
    controls: list[Control],
    facts: Mapping[str, TrainingFacts | None],
    primary: Primary | None,
    repeated: list[str],
) -> Parts:
    """Score every text and compute every difference."""
    texts: dict[str, Sequence[str]] = {name: answers.texts(name) for name in answers.outputs}
    for control in controls:
        texts |= {control.column(name): column for name, column in control.texts.items()}
    file = NumberFile()
    scores = {name: score_columns(chosen, answers.examples, column, file) for name, column in texts.items()}
    pairs = [
        (name, control.column(name))
        for group in groups[1:]
        for name in group.members
        for control in controls
        if control.texts
    ]
    compare = _comparing(config, groups, chosen, facts)
    prompts = prompt_codes(row.prompt for row in answers.examples)
    compared = compare(scores, [one.name for one in chosen], prompts, pairs)
    gains = Gains(groups, {name: scores[name] for name in answers.outputs}, answers.examples, compare)
    return Parts(config, groups, chosen, answers, controls, scores, facts, compared, gains, primary, repeated)


def _comparing(
    config: EvaluationConfig,
    groups: Sequence[Group],
    chosen: Sequence[Measure],
    facts: Mapping[str, TrainingFacts | None],
) -> Callable[..., ScoreComparison]:
    """ScoreComparison with the facts about runs filled in. The base counts as untrained if it is one model that was not
    trained here."""
    base = groups[0]
    fixed = {base.name} if len(base.members) == 1 and facts[base.members[0]] is None else set()
    main = next((measure.name for measure in chosen if measure.role == "score"), "")
    return partial(
        ScoreComparison,
        groups=groups,
        untrained=fixed | set(config.untrained),
        run_spread=None if config.run_spread is None else {main: config.run_spread},
        shares=[measure.name for measure in chosen if measure.is_share],
    )


def _judge_pair(judge: Judge, base: Group, other: Group, answers: ModelAnswers) -> list[list[Judgment]]:
    texts = {
        name: {row.id: text for row, text in zip(answers.examples, answers.texts(name), strict=True)}
        for name in (*base.members, *other.members)
    }
    return [judge.compare(left, right, answers.examples, texts) for left, right in member_pairs(base, other)]


def _of_groups(groups: Sequence[Group], facts: Mapping[str, TrainingFacts | None]) -> dict[str, TrainingFacts | None]:
    return {group.name: facts[group.members[0]] for group in groups}


def _trained(facts: Mapping[str, TrainingFacts | None]) -> tuple[TrainedGroup, list[TrainedGroup]]:
    base, *others = (TrainedGroup(name, fact) for name, fact in facts.items())
    return base, others


def _save(parts: Parts, content: dict[str, Any], judgments: Sequence[Judgment]) -> None:
    folder = parts.config.output_dir
    write_lines(folder / ANSWERS, answer_rows(parts))
    if judgments:
        lines = ({**row._asdict(), "words": {"base": row.words[0], "other": row.words[1]}} for row in judgments)
        write_lines(folder / JUDGMENTS, lines)
    else:
        (folder / JUDGMENTS).unlink(missing_ok=True)  # of an evaluation that this one replaces
    write_json(folder / RESULT, content)
