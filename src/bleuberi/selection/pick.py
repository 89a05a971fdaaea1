"""Choose training examples by score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from bleuberi.on_disk import Mapped

T = TypeVar("T")
Places = np.ndarray[Any, np.dtype[np.int64]]
Scores = np.ndarray[Any, np.dtype[np.float64]]  # in the pool's order


def rows_at(rows: Sequence[T], places: Places) -> Sequence[T]:
    """The rows at these places, each looked up at each access."""
    return Mapped(range(len(places)), lambda number: rows[places[number]])


def _hard(scores: Scores, count: int) -> Places:
    """The first of the ascending order: the lowest scores."""
    return np.argsort(scores, kind="stable")[:count]


def _medium(scores: Scores, count: int) -> Places:
    """The window of the ascending order that starts at (N - count) // 2."""
    start = (len(scores) - count) // 2
    return np.argsort(scores, kind="stable")[start : start + count]


def _easy(scores: Scores, count: int) -> Places:
    """The first of the descending order: of tied rows at its edge, the pool's first."""
    return np.argsort(-scores, kind="stable")[:count]


BY_SCORE: Final[Mapping[str, Callable[[Scores, int], Places]]] = {"easy": _easy, "medium": _medium, "hard": _hard}


def select(scores: Scores, mode: str, count: int | None) -> Places:
    """The places that a mode of `BY_SCORE` chooses, from the highest score to the lowest; ties keep the pool's order.

    All sorts are stable. `count` None, or more than there are, keeps all.
    """
    chosen = np.sort(BY_SCORE[mode](scores, len(scores) if count is None else min(count, len(scores))))
    ordered: Places = chosen[np.argsort(-scores[chosen], kind="stable")]
    return ordered


def select_random(total: int, count: int, seed: int) -> Places:
    """`count` of `total` places drawn without replacement, in the order drawn; if there are no more, all in order.

    `numpy.random.RandomState`, not the newer generator: it gives the method's original rows for a seed.
    """
    if total <= count:
        return np.arange(total)
    return np.random.RandomState(seed).choice(total, count, replace=False)
