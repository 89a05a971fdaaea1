"""Split rows so that near-duplicates stay together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def split_held_out(groups: Sequence[int], count: int, seed: int) -> list[bool]:  # N -> N
    """For each row whether it is held out. Whole groups are drawn in a random order, as long as they fit in `count`.

    A group too large for what is left is passed over, so `count` is never exceeded; the last rows may be missing.
    """
    sizes: dict[int, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    names = list(sizes)
    left = count
    taken: set[int] = set()
    for place in np.random.RandomState(seed).permutation(len(names)):
        name = names[int(place)]
        if sizes[name] <= left:
            taken.add(name)
            left -= sizes[name]
    return [group in taken for group in groups]
