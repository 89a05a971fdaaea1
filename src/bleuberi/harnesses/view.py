"""Another harness's scores as a table. Reads `benchmark.json`'s content."""

from __future__ import annotations

from typing import Any

from bleuberi.view.parts import Cell, Table, count, estimated


def benchmark_table(benchmark: dict[str, Any]) -> Table:
    """A row for each model and measure."""
    rows = [
        [
            Cell(score["model"]),
            Cell(score["measure"]),
            estimated({"value": score["score"], "low": score["low"], "high": score["high"]}, ".2f"),
            count(score["n_clusters"] or score["n"]),
        ]
        for score in benchmark["scores"]
    ]
    unit = benchmark["scores"][0]["unit"]
    return Table("scores", "Scores of the harness's judge", ["model", "measure", f"{unit} [95 %]", "questions"], rows)
