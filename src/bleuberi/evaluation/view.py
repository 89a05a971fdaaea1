"""The page's part on an evaluation. Reads `evaluation.json` of any version, and the answers; computes no interval."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

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
from bleuberi.statistics import shown
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Chart, Fact, Notice, Section
from bleuberi.view.reading import Json, estimate, read_lines, read_object

_VERDICTS: Final = {"yes": "better than", "no": "worse than", "not told apart": "not told apart from"}
_CUT: Final = re.compile(r"(.+) reached the token limit in (\d+%) of its answers: ")


class Result(NamedTuple):
    """What every version of the file tells, in one shape."""

    base: str
    metrics: list[str]  # the first is the main one
    signatures: dict[str, str]
    groups: list[Json]  # name, mean; the base first
    differences: list[Json]  # base, other, difference
    content: Json

    @property
    def scores(self) -> list[str]:
        """The metrics that say how good an answer is; the others are parts of one, or lengths."""
        roles = {one["name"]: one.get("role", "score") for one in self.content.get("metrics") or []}
        found = [metric for metric in self.metrics if roles.get(metric, "score") == "score"]
        return found or self.metrics  # prompts without references have lengths alone

    @property
    def to_base(self) -> dict[str, Json]:
        """Differences to the base: by group, then by metric."""
        ahead = [_turned(one) if one["other"] == self.base else one for one in self.differences]
        return {one["other"]: one["difference"] or {} for one in ahead if one["base"] == self.base}


def read_result(folder: Path) -> Result:
    """The comparison; models without groups are groups of their own."""
    content = read_object(folder / "evaluation.json")
    models = content["models"]
    base = str(content.get("base") or models[0]["name"])
    groups = content.get("groups") or [{"name": model["name"], "mean": model["mean"]} for model in models]
    differences = content.get("comparisons") or [
        {"base": base, "other": model["name"], "difference": model["difference"]}
        for model in models
        if model["difference"]
    ]
    signatures = {str(name): str(signature) for name, signature in content["signatures"].items()}
    asked = {(one.get("other"), one.get("base")) for one in (content.get("verdict") or {}).get("questions") or []}
    differences = [_turned(one) if (one["base"], one["other"]) in asked else one for one in differences]
    return Result(base, list(signatures), signatures, groups, differences, content)


def _turned(comparison: Json) -> Json:
    """The other way round, as the verdict tells it."""
    changed = {}
    for metric, difference in (comparison["difference"] or {}).items():
        value, low, high = estimate(difference)
        mirrored = [None if one is None else -one for one in (value, high, low)]
        changed[metric] = {**difference, **dict(zip(("value", "low", "high"), mirrored, strict=True))}
    return {"base": comparison["other"], "other": comparison["base"], "difference": changed}


def evaluation_section(folder: Path, id_: str, name: str, *, examples: bool = True) -> Section:
    """Tables, intervals, verdict, and `examples`: the responses with the largest differences first."""
    result = read_result(folder)
    content, main = result.content, result.metrics[0]
    answers, damaged = read_lines(folder / "answers.jsonl") if examples else ([], 0)
    to_base = [one for one in result.differences if one["base"] == result.base]
    lead = (
        "; ".join(_sentence(one, main, _answers(content)) for one in to_base)
        or f"{len(result.groups)} model on {content['prompts']:,} prompts"
    )
    charts = [chart for metric in result.scores for chart in _difference_chart(result, metric)]
    chart = difference_chart(answers, result.base, main, result.signatures[main])
    if chart:
        charts.insert(1 if charts else 0, chart)
    charts += _control_chart(content, main, result.signatures[main])
    charts += [chart for metric in result.scores for chart in _mean_chart(result, metric)]
    notices = _verdict_notices(result) + [
        Notice("note", text) for text in [*_introduction(content), *_warnings(content), *retention_notes(content)]
    ]
    if damaged:
        notices.append(Notice("note", f"Damaged lines of answers.jsonl that were left out: {damaged}."))
    sampling = content["config"].get("sampling_signature")
    facts = [
        Fact("models", f"{len(result.groups)}"),
        Fact("prompts", f"{content['prompts']:,}"),
        Fact("base", result.base),
    ]
    others = [metric for metric in result.metrics if metric not in result.scores]
    tables = [
        measure_table(content, result.groups, result.to_base, result.scores, scores=True),
        *control_table(content, main, result.signatures[main]),
        *gain_table(content),
        *part_table(content, result.groups),
        *([measure_table(content, result.groups, result.to_base, others, scores=False)] if others else []),
        *verdict_table(content, main, result.signatures[main]),
        *judge_table(content),
        *retention_table(content),
    ]
    browser = evaluation_browser(answers, result.base, main, result.signatures[main])
    return Section(
        id_,
        "evaluation",
        "Evaluation",
        name,
        f"{main}: {lead}." if to_base else f"{lead}.",
        facts + _judge_facts(content),
        notices,
        charts,
        tables,
        [browser] if browser else [],
        result.signatures
        | ({"answers": str(sampling)} if sampling else {})
        | _methods(result)
        | _judge_signature(content),
    )


def _warnings(content: Json) -> list[str]:
    """As they were written; earlier versions wrote on cut answers once for each model, which is one sentence here."""
    found = [str(text) for text in content.get("warnings") or []]
    cut = [(place, match) for place, text in enumerate(found) if (match := _CUT.match(text))]
    if cut:
        shares = ", ".join(f"{match[1]} {match[2]}" for _, match in cut)
        found[cut[0][0]] = f"Answers that reached the token limit, so that scores are those of cut answers: {shares}."
    merged = {place for place, _ in cut[1:]}
    return [text for place, text in enumerate(found) if place not in merged]


def _answers(content: Json) -> dict[tuple[str, str], str]:
    """The verdict's answers by base and other."""
    asked = (content.get("verdict") or {}).get("questions") or []
    return {(str(one["base"]), str(one["other"])): str(one["answer"]) for one in asked}


def _sentence(comparison: Json, metric: str, answers: dict[tuple[str, str], str]) -> str:
    value, low, high = estimate((comparison["difference"] or {}).get(metric))
    if value is None or low is None or high is None:
        return f"{comparison['other']} against {comparison['base']} is not known"
    # Words have no verdict; neither have prompts that are too few, or one training run.
    answer = answers.get((comparison["base"], comparison["other"]), "")
    verdict = _VERDICTS.get(answer, "not judged against")
    return (
        f"{comparison['other']} is {verdict} {comparison['base']}, {shown.difference(comparison['difference'][metric])}"
    )


def _difference_chart(result: Result, metric: str) -> list[Chart]:
    rows: list[dict[str, Any]] = []
    for one in result.differences:
        value, low, high = estimate((one["difference"] or {}).get(metric))
        if value is not None:
            rows.append(
                {"name": f"{one['other']} - {one['base']}", "value": value, "low": low, "high": high, "group": metric}
            )
    if not rows:
        return []
    note = f"paired over {result.content['prompts']:,} prompts; 95 % intervals; dashed: 0"
    spec = intervals(rows, f"difference of {metric}", form="+.3f", lines=[0])
    return [Chart(f"differences_{metric}", f"Differences in {metric}", spec, note, result.signatures[metric])]


def _mean_chart(result: Result, metric: str) -> list[Chart]:
    rows: list[dict[str, Any]] = []
    for group in result.groups:
        value, low, high = estimate((group["mean"] or {}).get(metric))
        if value is not None:
            rows.append({"name": group["name"], "value": value, "low": low, "high": high, "group": metric})
    spec = intervals(rows, f"mean {metric}", form=".3f")
    note = "95 % intervals over prompts; two models' intervals may overlap though their paired difference is clear"
    return [Chart(f"means_{metric}", f"Mean {metric}", spec, note, result.signatures[metric])] if rows else []


def _control_chart(content: Json, metric: str, signature: str) -> list[Chart]:
    """What each group gains over each of its controls."""
    rows: list[dict[str, Any]] = []
    for control in content.get("controls") or []:
        value, low, high = estimate((control.get("difference") or {}).get(metric))
        if value is not None:
            name = f"{control['other']} - {control['name']}"
            rows.append({"name": name, "value": value, "low": low, "high": high, "group": metric})
    note = "a gain that is more than its control's explanation lies right of 0; 95 % intervals"
    spec = intervals(rows, f"gain of {metric} over the control", form="+.3f", lines=[0])
    return [Chart("controls", "Gains over the controls", spec, note, signature)] if rows else []


def _verdict_notices(result: Result) -> list[Notice]:
    """Questions with their answers, a plain sentence for each group without one, and what differs between models."""
    verdict, metric = result.content.get("verdict") or {}, result.metrics[0]
    questions = verdict.get("questions") or []
    told = [f"{one['question']} {one['sentence']}" for one in questions]
    pairs = [(one["base"], one["other"]) for one in questions]
    answered = {name for pair in pairs for name in pair if result.base in pair}
    for name, difference in result.to_base.items():
        if name not in answered and shown.is_number(difference.get(metric)):
            told.append(_plain_sentence(name, result.base, metric, difference[metric], result.content["prompts"]))
    notices = [Notice("verdict", text) for text in told]
    return notices + [Notice("warning", str(text)) for text in verdict.get("unequal") or []]


def _plain_sentence(name: str, base: str, metric: str, estimate_: Json, prompts: int) -> str:
    if estimate_.get("no_verdict"):
        reason = f"no verdict ({estimate_['no_verdict']})"
        return f"{name} - {base} in {metric}: {shown.difference(estimate_)} on {prompts} prompts, {reason}."
    words = ("more than", "less than") if metric == "words" else ("better than", "worse than")
    verdict = ("not told apart from", *words)[shown.side(estimate_)]
    return f"{name} is {verdict} {base} in {metric}: {shown.difference(estimate_)} on {prompts} prompts."


def _introduction(content: Json) -> list[str]:
    """The comparison that has the level of 5 % to itself, and the scores that no training was rewarded with."""
    said = []
    primary = content.get("primary")
    if primary:
        how = "declared" if primary["declared"] else "by default; declare another with --primary before you look"
        said.append(f"Primary comparison: {primary['other']} against {primary['base']} in {primary['metric']} ({how}).")
    if content.get("untrained"):
        said.append(f"Scores that no training paid for: {', '.join(content['untrained'])}.")
    return said


def _judge_facts(content: Json) -> list[Fact]:
    """Who judged."""
    model = ((content.get("judge") or {}).get("settings") or {}).get("model")
    return [Fact("judge", str(model))] if model else []


def _methods(result: Result) -> dict[str, str]:
    """How the intervals of all differences were made."""
    found = {
        str(one["method"]): None
        for comparison in result.differences
        for one in (comparison["difference"] or {}).values()
        if one.get("method")
    }
    return {"intervals": "; ".join(sorted(found))} if found else {}


def _judge_signature(content: Json) -> dict[str, str]:
    judge = content.get("judge") or {}
    return {"judge": str(judge["signature"])} if judge.get("signature") else {}
