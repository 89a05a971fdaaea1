"""The page's part on an evaluation. Reads `evaluation.json` of any version, and the answers; computes no interval."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from bleuberi.evaluation.view_controls import control_chart, control_table, gain_table
from bleuberi.evaluation.view_examples import difference_chart, evaluation_browser
from bleuberi.evaluation.view_judge import judge_facts, judge_table, verdict_notices, verdict_table
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Cell, Chart, Fact, Notice, Section, Table, number, share
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
        return [metric for metric in self.metrics if roles.get(metric, "score") == "score"]


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


def evaluation_section(folder: Path, id_: str, name: str) -> Section:
    """Table, intervals, verdict, and the examples with the largest differences first."""
    result = read_result(folder)
    content, main = result.content, result.metrics[0]
    answers, damaged = read_lines(folder / "answers.jsonl")
    to_base = [one for one in result.differences if one["base"] == result.base]
    lead = (
        "; ".join(_sentence(one, main, _answers(content)) for one in to_base)
        or f"{len(result.groups)} model on {content['prompts']:,} prompts"
    )
    charts = [chart for metric in result.scores for chart in _difference_chart(result, metric)]
    chart = difference_chart(answers, result.base, main, result.signatures[main])
    if chart:
        charts.insert(1 if charts else 0, chart)
    charts += control_chart(content, main, result.signatures[main])
    charts += [chart for metric in result.scores for chart in _mean_chart(result, metric)]
    notices = verdict_notices(content) + [Notice("note", text) for text in _warnings(content)]
    if damaged:
        notices.append(Notice("note", f"Damaged lines of answers.jsonl that were left out: {damaged}."))
    sampling = content["config"].get("sampling_signature")
    facts = [
        Fact("models", f"{len(result.groups)}"),
        Fact("prompts", f"{content['prompts']:,}"),
        Fact("base", result.base),
    ]
    tables = [
        _table(result),
        *control_table(content, main, result.signatures[main]),
        *gain_table(content),
        *verdict_table(content, main, result.signatures[main]),
        *judge_table(content),
    ]
    browser = evaluation_browser(answers, result.base, main, result.signatures[main])
    return Section(
        id_,
        "evaluation",
        "Evaluation",
        name,
        f"{main}: {lead}." if to_base else f"{lead}.",
        facts + judge_facts(content),
        notices,
        charts,
        tables,
        [browser] if browser else [],
        result.signatures
        | ({"answers": str(sampling)} if sampling else {})
        | _method(to_base, main)
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
    return f"{comparison['other']} is {verdict} {comparison['base']}, {value:+.3f} [{low:+.3f}, {high:+.3f}]"


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


def _table(result: Result) -> Table:
    models = {model["name"]: model for model in result.content["models"]}
    to_base = {one["other"]: one["difference"] for one in result.differences if one["base"] == result.base}
    rows = []
    for metric in result.metrics:
        for group in result.groups:
            value, low, high = estimate((group["mean"] or {}).get(metric))
            change, least, most = estimate((to_base.get(group["name"]) or {}).get(metric))
            own = [models[name] for name in group.get("members") or [group["name"]] if name in models]
            words = sum(model["mean_words"] for model in own) / len(own) if own else None
            shares = [model["cut_share"] for model in own if model["cut_share"] is not None]
            cut = sum(shares) / len(shares) if shares else None
            rows.append(
                [
                    Cell(str(group["name"])),
                    Cell(metric),
                    number(value),
                    _bounds(low, high),
                    Cell("" if change is None else f"{change:+.3f}", change),
                    _bounds(least, most, "+"),
                    number(words, 0),
                    share(cut, 0),
                    Cell(result.signatures[metric]),
                ]
            )
    columns = [
        "model",
        "metric",
        "mean",
        "interval",
        f"difference to {result.base}",
        "interval",
        "words",
        "cut off",
        "signature",
    ]
    return Table("models", "Models", columns, rows, "95 % intervals; differences are paired by prompt")


def _bounds(low: float | None, high: float | None, sign: str = "") -> Cell:
    return Cell("" if low is None or high is None else f"[{low:{sign}.3f}, {high:{sign}.3f}]")


def _method(to_base: list[Json], metric: str) -> dict[str, str]:
    found = next(
        (one["difference"][metric].get("method") for one in to_base if metric in (one["difference"] or {})), None
    )
    return {"intervals": str(found)} if found else {}


def _judge_signature(content: Json) -> dict[str, str]:
    judge = content.get("judge") or {}
    return {"judge": str(judge["signature"])} if judge.get("signature") else {}
