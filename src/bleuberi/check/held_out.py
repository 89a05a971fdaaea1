"""Split rows so that near-duplicates stay together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def split_held_out(groups: ArrayLike, count: int, seed: int, barred: ArrayLike = ()) -> NDArray[np.bool_]:  # N -> N
    """Whether each row is held out. Whole groups are drawn in random order, as long as they fit in `count`.

    A group that is too large for the remaining rows is skipped, so `count` is never exceeded, but may not be reached.
    The groups of `barred` are never held out.
    """
    names, first, group, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    by_first = np.argsort(first)
    allowed = ~np.isin(names, barred)
    taken = np.zeros(len(sizes), bool)
    left = count
    for place in np.random.RandomState(seed).permutation(len(sizes)):
        name = by_first[place]
        if sizes[name] <= left and allowed[name]:
            taken[name] = True
            left -= int(sizes[name])
        if not left:
            break
    return taken[group]
