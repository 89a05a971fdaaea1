"""The pictures beside a data set: the charts of its record, and the distribution of its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from bleuberi.selection.pick import Scores
from bleuberi.selection.record import SelectionRecord
from bleuberi.selection.view import selection_charts
from bleuberi.view.charts import histogram
from bleuberi.view.parts import Chart
from bleuberi.view.pictures import write_picture

FIGURE: Final = "selection.png"
_BINS: Final = 40


def draw_selection(folder: Path, record: SelectionRecord) -> None:
    """Draw a data set's record beside it."""
    write_picture(folder / FIGURE, selection_charts(record), columns=2)


def draw_score_histogram(path: Path, metric: str, signature: str, pool_scores: Scores, picked_scores: Scores) -> None:
    """Draw the scores of all scored rows with those of the picked ones in front, and both medians."""
    top, low = float(pool_scores.max()), min(0.0, float(pool_scores.min()))
    edges = np.linspace(low, top if top > low else low + 1, _BINS + 1)
    sets = {f"scored: {len(pool_scores):,}": pool_scores, f"picked: {len(picked_scores):,}": picked_scores}
    counts = {name: np.histogram(scores, edges)[0].tolist() for name, scores in sets.items()}
    middle = float(np.median(pool_scores))
    chart = Chart(
        f"{metric}_distribution",
        f"{metric} of the pool and of the picked examples",
        histogram(edges.tolist(), counts, f"{metric} score", rows=True, line=middle),
        f"median: scored {middle:.3f} (dashed), picked {np.median(picked_scores):.3f}",
        signature,
    )
    write_picture(path, [chart])
