"""Several evaluations side by side. Draws on one axis only what was scored alike on the same prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bleuberi.evaluation.view import Result, read_result
from bleuberi.view.charts import intervals
from bleuberi.view.parts import Chart, Notice, Section
from bleuberi.view.reading import estimate

Key = tuple[str, str, str]  # a metric's signature, the prompts, the sampling


def evaluations_section(folders: Sequence[tuple[Path, str]], id_: str) -> Section:
    """Mean scores of all evaluations by metric; those made in different ways get axes of their own, with the reason."""
    results = [(name, read_result(folder)) for folder, name in folders]
    metrics = list(dict.fromkeys(metric for _, result in results for metric in result.scores))
    charts: list[Chart] = []
    reasons: dict[str, list[str]] = {}
    for metric in metrics:
        by_key: dict[Key, list[tuple[str, Result]]] = {}
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


def _key(result: Result, metric: str) -> Key:
    config = result.content["config"]
    prompts = str(config.get("pool_sha256") or config.get("prompts"))
    return result.signatures[metric], prompts, str(config.get("sampling_signature"))


def _reason(by_key: dict[Key, list[tuple[str, Result]]]) -> str:
    """What differs between which evaluations; equal for metrics that are kept apart for the same."""
    names = ("signatures", "prompts", "sampling of the answers")
    differing = [name for place, name in enumerate(names) if len({key[place] for key in by_key}) > 1]
    told = len({key[0] for key in by_key}) > 1
    groups = [", ".join(name for name, _ in group) + (f": {key[0]}" if told else "") for key, group in by_key.items()]
    return f"since the {' and '.join(differing)} differ ({'; '.join(groups)})."


def _chart(name: str, title: str, metric: str, signature: str, group: Sequence[tuple[str, Result]]) -> list[Chart]:
    rows: list[dict[str, Any]] = []
    for folder, result in group:
        for one in result.groups:
            value, low, high = estimate((one["mean"] or {}).get(metric))
            if value is not None:
                rows.append(
                    {"name": f"{folder}: {one['name']}", "group": folder, "value": value, "low": low, "high": high}
                )
    return (
        [Chart(name, title, intervals(rows, f"mean {metric}"), "95 % intervals over prompts", signature, wide=True)]
        if rows
        else []
    )
