"""Several evaluations side by side. Only scores made in the same way on the same prompts share an axis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bleuberi.evaluation.record import EvaluationRecord
from bleuberi.evaluation.view import interval_rows, scores_of
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Chart, Notice, Section

Key = tuple[str, str, str]  # a metric's signature, the prompts, the sampling


def evaluations_section(folders: Sequence[tuple[Path, str]], id_: str) -> Section:
    """Mean scores of all evaluations by metric. Scores made in different ways get separate axes, and a notice says
    why."""
    results = [(name, EvaluationRecord.load(folder)) for folder, name in folders]
    metrics = list(dict.fromkeys(metric for _, result in results for metric in scores_of(result)))
    charts: list[Chart] = []
    reasons: dict[str, list[str]] = {}
    for metric in metrics:
        by_key: dict[Key, list[tuple[str, EvaluationRecord]]] = {}
        for name, result in results:
            if metric in result.signatures:
                by_key.setdefault(_key(result, metric), []).append((name, result))
        for place, (key, group) in enumerate(by_key.items(), start=1):
            of = "" if len(by_key) == 1 else f", {place} of {len(by_key)}"
            charts += _chart(f"{metric}_{place}", f"Mean {metric}{of}", metric, key[0], group)
        if len(by_key) > 1:
            reasons.setdefault(_reason(by_key), []).append(metric)
    notices = [
        Notice("warning", f"{', '.join(apart)} {'is' if len(apart) == 1 else 'are'} not drawn on one axis, {reason}")
        for reason, apart in reasons.items()
    ]
    return Section(
        id_,
        "side by side",
        "Evaluations side by side",
        "",
        f"{len(results)} evaluations: {', '.join(name for name, _ in results)}.",
        [],
        notices,
        charts,
    )


def _key(result: EvaluationRecord, metric: str) -> Key:
    config = result.config
    prompts = str(config.get("pool_sha256") or config.get("prompts"))
    return result.signatures[metric], prompts, str(config.get("sampling_signature"))


def _reason(by_key: dict[Key, list[tuple[str, EvaluationRecord]]]) -> str:
    """Which of signatures, prompts and sampling differ between which evaluations."""
    names = ("signatures", "prompts", "sampling of the answers")
    differing = [name for place, name in enumerate(names) if len({key[place] for key in by_key}) > 1]
    told = len({key[0] for key in by_key}) > 1
    groups = [", ".join(name for name, _ in group) + (f": {key[0]}" if told else "") for key, group in by_key.items()]
    return f"since the {' and '.join(differing)} differ ({'; '.join(groups)})."


def _chart(
    name: str, title: str, metric: str, signature: str, group: Sequence[tuple[str, EvaluationRecord]]
) -> list[Chart]:
    rows = [
        {**row, "group": folder}
        for folder, result in group
        for row in interval_rows(((f"{folder}: {one.name}", one.mean) for one in result.groups), metric)
    ]
    return (
        [Chart(name, title, intervals(rows, f"mean {metric}"), "95 % intervals over prompts", signature, wide=True)]
        if rows
        else []
    )
