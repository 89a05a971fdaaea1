"""The score distribution of a pool and of what was picked from it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bleuberi.view.style import BLUE, MUTED, PALE_BLUE, new_figure, save, title


def draw_score_histogram(
    path: Path, metric: str, signature: str, pool_scores: Sequence[float], picked_scores: Sequence[float]
) -> None:
    """Write the histogram: all scored rows, the picked ones in front, and both medians in words."""
    figure, (axis,) = new_figure(7, 4)
    top = max(pool_scores, default=1.0)
    low = min([0.0, *pool_scores])
    bins = np.linspace(low, top if top > low else low + 1, 41)
    axis.hist(pool_scores, bins=list(bins), color=PALE_BLUE, label=f"scored: {len(pool_scores):,}")
    axis.hist(picked_scores, bins=list(bins), color=BLUE, label=f"picked: {len(picked_scores):,}")
    axis.axvline(float(np.median(pool_scores)), color=MUTED, linewidth=1, linestyle="--")
    axis.set_xlabel(f"{metric} score")
    axis.set_ylabel("rows")
    axis.legend(frameon=False, fontsize=9)
    medians = f"median: scored {np.median(pool_scores):.3f} (dashed), picked {np.median(picked_scores):.3f}"
    how = textwrap.wrap(signature, 100, break_on_hyphens=False)
    title(axis, f"{metric} of the pool and of the picked examples", "\n".join([medians, *how]))
    save(figure, path)
