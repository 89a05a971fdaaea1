"""The report section of an evaluation. Reads its record and responses; computes no interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bleuberi.evaluation.record import Compared, Differences, EvaluationRecord, Means, Pair
from bleuberi.evaluation.retention_table import retention_notes, retention_table
from bleuberi.evaluation.view_examples import difference_chart, evaluation_browser
from bleuberi.evaluation.view_tables import (
    control_table,
    gain_table,
    judge_table,
    measure_table,
    part_table,
    verdict_table,
)
from bleuberi.statistics import Difference, shown
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Chart, Fact, Notice, Section
from bleuberi.view.reading import read_lines

_VERDICTS: Final = {"yes": "better than", "no": "worse than", "not told apart": "not told apart from"}


def scores_of(record: EvaluationRecord) -> list[str]:
    """The metrics that measure quality; the others are parts of one, or lengths."""
    roles = {one.name: one.role for one in record.metrics}
    found = [metric for metric in record.signatures if roles.get(metric, "score") == "score"]
    return found or list(record.signatures)  # prompts without references have lengths alone


def _as_asked(record: EvaluationRecord) -> list[Compared]:
    """Every two groups, each in the direction of the verdict."""
    asked = {(one.base, one.other) for one in record.questions}
    between = record.between()
    pairs = [(one.base, one.other) for one in record.comparisons]
    pairs = [(other, base) if (other, base) in asked else (base, other) for base, other in pairs]
    return [Compared(*pair, between[pair]) for pair in pairs]


def evaluation_section(folder: Path, id_: str, name: str, *, examples: bool = True) -> Section:
    """Tables, intervals and verdict; with `examples`, also the responses, largest differences first."""
    record = EvaluationRecord.load(folder)
    differences, scores, signatures = _as_asked(record), scores_of(record), record.signatures
    main = next(iter(signatures))
    answers, damaged = read_lines(folder / "answers.jsonl") if examples else ([], 0)
    verdicts = {(one.base, one.other): one.answer for one in record.questions}
    lead = (
        "; ".join(_sentence(one, main, verdicts) for one in differences if one.base == record.base)
        or f"{len(record.groups)} model on {record.prompts:,} prompts"
    )
    charts = [chart for metric in scores for chart in _difference_chart(record, differences, metric)]
    chart = difference_chart(answers, record.base, main, signatures[main])
    if chart:
        charts.insert(1 if charts else 0, chart)
    charts += _control_chart(record, main)
    charts += [chart for metric in scores for chart in _mean_chart(record, metric)]
    notices = _verdict_notices(record, main) + [
        Notice("note", text) for text in [*_introduction(record), *record.warnings, *retention_notes(record.retention)]
    ]
    if damaged:
        notices.append(Notice("note", f"Damaged lines of answers.jsonl that were left out: {damaged}."))
    sampling = record.config.get("sampling_signature")
    facts = [
        Fact("models", f"{len(record.groups)}"),
        Fact("prompts", f"{record.prompts:,}"),
        Fact("base", record.base),
    ]
    others = [metric for metric in signatures if metric not in scores]
    tables = [
        measure_table(record, scores, scores=True),
        *control_table(record, main),
        *gain_table(record),
        *part_table(record),
        *([measure_table(record, others, scores=False)] if others else []),
        *verdict_table(record, main),
        *judge_table(record),
        *retention_table(record.retention),
    ]
    browser = evaluation_browser(answers, record.base, main, signatures[main])
    judge = record.judge
    return Section(
        id_,
        "evaluation",
        "Evaluation",
        name,
        f"{main}: {lead}." if record.comparisons else f"{lead}.",
        facts + ([Fact("judge", judge.model)] if judge else []),
        notices,
        charts,
        tables,
        [browser] if browser else [],
        {**signatures, **({"answers": str(sampling)} if sampling else {}), **_methods(record)}
        | ({"judge": judge.signature} if judge else {}),
    )


def _sentence(one: Compared, metric: str, answers: Mapping[Pair, str]) -> str:
    if not shown.has_interval(one.difference.get(metric)):
        return f"{one.other} against {one.base} is not known"
    # Words have no verdict; neither have prompts that are too few, or one training run.
    answer = answers.get((one.base, one.other), "")
    verdict = _VERDICTS.get(answer, "not judged against")
    reason = f" ({answer})" if answer and answer not in _VERDICTS else ""
    return f"{one.other} is {verdict} {one.base}{reason}, {shown.difference(one.difference[metric])}"


def interval_rows(named: Iterable[tuple[str, Means | Differences | None]], metric: str) -> list[dict[str, Any]]:
    """Rows of a chart of intervals; names without a number are left out."""
    found = [(name, shown.numbers((by_metric or {}).get(metric))) for name, by_metric in named]
    return [
        {"name": name, "value": value, "low": low, "high": high, "group": metric}
        for name, (value, low, high) in found
        if value is not None
    ]


def _difference_chart(record: EvaluationRecord, differences: Sequence[Compared], metric: str) -> list[Chart]:
    rows = interval_rows(((f"{one.other} - {one.base}", one.difference) for one in differences), metric)
    note = f"paired over {record.prompts:,} prompts; 95 % intervals; dashed: 0"
    spec = intervals(rows, f"difference of {metric}", form="+.3f", lines=[0])
    title, signature = f"Differences in {metric}", record.signatures[metric]
    return [Chart(f"differences_{metric}", title, spec, note, signature)] if rows else []


def _mean_chart(record: EvaluationRecord, metric: str) -> list[Chart]:
    rows = interval_rows(((group.name, group.mean) for group in record.groups), metric)
    spec = intervals(rows, f"mean {metric}", form=".3f")
    note = "95 % intervals over prompts; two models' intervals may overlap though their paired difference is clear"
    return [Chart(f"means_{metric}", f"Mean {metric}", spec, note, record.signatures[metric])] if rows else []


def _control_chart(record: EvaluationRecord, metric: str) -> list[Chart]:
    """The gain of each group over each of its controls."""
    rows = interval_rows(((f"{one.other} - {one.name}", one.difference) for one in record.controls), metric)
    note = "a gain that is more than its control's explanation lies right of 0; 95 % intervals"
    spec = intervals(rows, f"gain of {metric} over the control", form="+.3f", lines=[0])
    return [Chart("controls", "Gains over the controls", spec, note, record.signatures[metric])] if rows else []


def _verdict_notices(record: EvaluationRecord, metric: str) -> list[Notice]:
    """Questions with their answers, a plain sentence for each group without one, and what differs between models."""
    told = [f"{one.question} {one.sentence}" for one in record.questions]
    answered = {
        name for one in record.questions for name in (one.base, one.other) if record.base in (one.base, one.other)
    }
    between = record.between()
    for group in record.groups[1:]:
        difference = between.get((record.base, group.name), {}).get(metric)
        if group.name not in answered and difference is not None:
            told.append(_plain_sentence(group.name, record, metric, difference))
    unequal = record.verdict.unequal if record.verdict else ()
    return [Notice("verdict", text) for text in told] + [Notice("warning", text) for text in unequal]


def _plain_sentence(name: str, record: EvaluationRecord, metric: str, found: Difference) -> str:
    said = f"{shown.difference(found)} on {record.prompts} prompts"
    if found.no_verdict:
        return f"{name} - {record.base} in {metric}: {said}, no verdict ({found.no_verdict})."
    words = ("more than", "less than") if metric == "words" else ("better than", "worse than")
    verdict = ("not told apart from", *words)[shown.side(found)]
    return f"{name} is {verdict} {record.base} in {metric}: {said}."


def _introduction(record: EvaluationRecord) -> list[str]:
    """The comparison that has the level of 5 % to itself, and the scores that no training was rewarded with."""
    said = []
    if (one := record.primary) is not None:
        how = "declared" if one.declared else "by default; declare another with --primary before you look"
        said.append(f"Primary comparison: {one.other} against {one.base} in {one.metric} ({how}).")
    if record.untrained:
        said.append(f"Scores that no training paid for: {', '.join(record.untrained)}.")
    return said


def _methods(record: EvaluationRecord) -> dict[str, str]:
    """How the intervals of all differences were made."""
    found = {one.method for compared in record.comparisons for one in compared.difference.values() if one.method}
    return {"intervals": "; ".join(sorted(found))} if found else {}
