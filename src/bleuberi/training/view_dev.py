"""Charts and notices of the report on a run's evaluations on dev prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.statistics.shown import finite
from bleuberi.training.view_charts import series
from bleuberi.view.curve_charts import lines
from bleuberi.view.parts import Chart, Notice
from bleuberi.view.reading import Json


def dev_charts(entries: Sequence[Json], manifest: Json, signature: str) -> list[Chart]:
    """The reward, the untrained score, the copied share and the length by step; none without evaluations.

    `entries`: lines of dev.jsonl; `signature`: of the reward.
    """
    best = finite((manifest.get("dev", {}).get("best") or {}).get("step"))
    marks = [] if best is None else [{"step": int(best), "text": "the exported checkpoint"}]
    score = next((str(entry["score_name"]) for entry in entries if entry.get("score_name")), "score")
    note = "mean over the same held-out prompts, greedy" + ("; dashed: the exported checkpoint" if marks else "")
    copied = {"copied_share": "responses", "reference_copied_share": "references"}

    def chart(name: str, title: str, label: str, metrics: Mapping[str, str], form: str, made: str = "") -> list[Chart]:
        values: list[dict[str, Any]] = [
            {"step": step, "series": of, "value": value}
            for metric, of in metrics.items()
            for step, value in series(entries, metric)
        ]
        return [Chart(name, title, lines(values, label, form=form, marks=marks), note, made)] if values else []

    return [
        *chart("dev_reward", "Reward on dev prompts", "reward", {"reward": "reward"}, ".3f", signature),
        *chart("dev_score", f"{score} on dev prompts, not trained on", score, {"score": score}, ".3f"),
        *chart("dev_copied", "Copied on dev prompts", "share of 4-grams", copied, ".0%"),
        *chart("dev_tokens", "Length on dev prompts", "tokens", {"tokens": "mean"}, ",.0f"),
    ]


def dev_notices(entries: Sequence[Json], manifest: Json) -> list[Notice]:
    """State which checkpoint was exported, and that its gain must be measured on other prompts."""
    chosen = manifest.get("dev", {})
    best = chosen.get("best") or {}
    if finite(best.get("step")) is None:
        return []
    text = f"The exported model is the checkpoint of step {best['step']}, the best of {len(entries)} evaluations on "
    text += (
        f"{best.get('prompts')} dev prompts by {chosen.get('best_by')}. Since it was chosen on them, its gain has to "
    )
    return [Notice("note", text + "be measured on other prompts.")]
