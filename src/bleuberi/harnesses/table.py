"""Another harness's scores (`benchmark.json`) as a table."""

from __future__ import annotations

from typing import Any


def benchmark_rows(benchmark: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and cells, one row per model and measure."""
    rows = [
        [
            score["model"],
            score["measure"],
            f"{score['score']:.2f}",
            _bounds(score),
            str(score["n_clusters"] or score["n"]),
        ]
        for score in benchmark["scores"]
    ]
    return ["model", "measure", benchmark["scores"][0]["unit"], "95 %", "questions"], rows


def _bounds(score: dict[str, Any]) -> str:
    low, high = (("?" if score[bound] is None else f"{score[bound]:.2f}") for bound in ("low", "high"))
    return f"[{low}, {high}]"
