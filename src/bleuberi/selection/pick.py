"""Choose training examples by score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import numpy as np

# The command line repeats these names, so that its help needs no numpy.
SelectionMode = Literal["random", "easy", "medium", "hard", "signal"]
SELECTION_MODES: Final[tuple[SelectionMode, ...]] = get_args(SelectionMode)


def select(scores: Mapping[str, float], mode: Literal["easy", "medium", "hard"], count: int | None) -> list[str]:
    """The chosen ids, from the highest score to the lowest; ties keep the pool's order.

    `hard` keeps the first `count` of the ascending order (the lowest scores), `medium` the window of that order that
    starts at (N - count) // 2, `easy` the first of the descending order: of tied rows at its edge, the pool's first.
    `scores` is in the pool's order; all sorts are stable. `count` None, or more than there are, keeps all.
    """
    ids = list(scores)
    count = len(ids) if count is None else min(count, len(ids))
    ordered = sorted(ids, key=scores.__getitem__, reverse=mode == "easy")
    start = (len(ids) - count) // 2 if mode == "medium" else 0
    chosen = set(ordered[start : start + count])
    return sorted((row for row in ids if row in chosen), key=scores.__getitem__, reverse=True)


def select_random(ids: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` ids drawn without replacement, in the order drawn; if there are no more, all ids in their own order.

    `numpy.random.RandomState`, not the newer generator: it gives the method's original rows for a seed.
    """
    if len(ids) <= count:
        return list(ids)
    drawn = np.random.RandomState(seed).choice(len(ids), count, replace=False)
    return [ids[int(position)] for position in drawn]
