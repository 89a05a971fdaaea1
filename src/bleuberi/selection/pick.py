"""Choose training examples by score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

Scores = Mapping[str, float]  # by id, in the pool's order


def _hard(scores: Scores, count: int) -> list[str]:
    """The first of the ascending order: the lowest scores."""
    return sorted(scores, key=scores.__getitem__)[:count]


def _medium(scores: Scores, count: int) -> list[str]:
    """The window of the ascending order that starts at (N - count) // 2."""
    start = (len(scores) - count) // 2
    return sorted(scores, key=scores.__getitem__)[start : start + count]


def _easy(scores: Scores, count: int) -> list[str]:
    """The first of the descending order: of tied rows at its edge, the pool's first."""
    return sorted(scores, key=scores.__getitem__, reverse=True)[:count]


BY_SCORE: Final[Mapping[str, Callable[[Scores, int], list[str]]]] = {"easy": _easy, "medium": _medium, "hard": _hard}


def select(scores: Scores, mode: str, count: int | None) -> list[str]:
    """The ids that a mode of `BY_SCORE` chooses, from the highest score to the lowest; ties keep the pool's order.

    All sorts are stable. `count` None, or more than there are, keeps all.
    """
    chosen = set(BY_SCORE[mode](scores, len(scores) if count is None else min(count, len(scores))))
    return sorted((row for row in scores if row in chosen), key=scores.__getitem__, reverse=True)


def select_random(ids: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` ids drawn without replacement, in the order drawn; if there are no more, all ids in their own order.

    `numpy.random.RandomState`, not the newer generator: it gives the method's original rows for a seed.
    """
    if len(ids) <= count:
        return list(ids)
    drawn = np.random.RandomState(seed).choice(len(ids), count, replace=False)
    return [ids[int(position)] for position in drawn]
