"""The pictures beside a data set: the charts of its record, and the distribution of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bleuberi.errors import UserError
from bleuberi.selection.view import selection_section
from bleuberi.view.charts import histogram
from bleuberi.view.parts import Chart
from bleuberi.view.pictures import write_picture

RECORD: Final = "selection.json"
FIGURE: Final = "selection.png"
_BINS: Final = 40


def draw_selection(folder: Path) -> Path | None:
    """Draw a data set's record beside it; None if there is no record (an older version made the data set).

    Errors: `UserError` if the record cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        charts = selection_section(folder, "selection", folder.name).charts
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON: {error}", "Make the data set again with --overwrite.") from error
    write_picture(folder / FIGURE, charts, columns=2)
    return folder / FIGURE


def draw_score_histogram(
    path: Path, metric: str, signature: str, pool_scores: Sequence[float], picked_scores: Sequence[float]
) -> None:
    """Draw the scores of all scored rows with those of the picked ones in front, and both medians."""
    top, low = max(pool_scores, default=1.0), min([0.0, *pool_scores])
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
