"""Choose training examples by score. Knows ids and numbers; knows nothing of text, models or disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import numpy as np

# The command line repeats these names, so that its help needs no numpy.
SelectionMode = Literal["random", "easy", "medium", "hard", "signal"]
SELECTION_MODES: Final[tuple[SelectionMode, ...]] = get_args(SelectionMode)


def select(scores: Mapping[str, float], mode: Literal["easy", "medium", "hard"], count: int | None) -> list[str]:
    """The chosen ids, from the highest score to the lowest; ties keep the pool's order.

    The modes are windows of the ascending order: `hard` its first `count` (the lowest scores), `easy` its last,
    `medium` the window that starts at (N - count) // 2. `scores` is in the pool's order; all sorts are stable.
    `count` None, or more than there are, keeps all.
    """
    ids = list(scores)
    count = len(ids) if count is None else min(count, len(ids))
    ascending = sorted(ids, key=scores.__getitem__)
    start = {"hard": 0, "medium": (len(ids) - count) // 2, "easy": len(ids) - count}[mode]
    chosen = set(ascending[start : start + count])
    return sorted((row for row in ids if row in chosen), key=scores.__getitem__, reverse=True)


def select_random(ids: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` ids drawn without replacement, in the order drawn; all of them, drawn so, where there are fewer.

    `numpy.random.RandomState`, not the newer generator: it gives the method's original rows for a seed.
    """
    drawn = np.random.RandomState(seed).choice(len(ids), min(count, len(ids)), replace=False)
    return [ids[int(position)] for position in drawn]
