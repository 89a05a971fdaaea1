"""Choose the examples with the strongest signal, in the pool's mix."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from bleuberi.errors import UserError
from bleuberi.selection.pick import Places, Scores

STRATA: Final = ("source", "length")
LENGTH_BINS: Final = 4

Stratum = tuple[str, ...]


def check_strata(names: Sequence[str]) -> None:
    """Reject unknown words of `--stratify`. Errors: `UserError`."""
    for name in names:
        if name not in STRATA:
            raise UserError(f"--stratify got {name!r}.", "Give `source`, `length`, `source,length` or `none`.")


def binned(lengths: Sequence[int]) -> tuple[Places, list[str]]:  # N -> N, and the names
    """The quarter of the pool that each length falls in, and the quarters' names: their ranges, e.g. `12-31 tokens`,
    in ascending order."""
    held = np.asarray(lengths, np.int64)
    if not len(held):
        return held, []
    edges = np.unique(np.quantile(held, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1], method="lower"))
    _, bins = np.unique(np.searchsorted(edges, held, side="left"), return_inverse=True)
    parts = (held[bins == number] for number in range(bins.max() + 1))
    return bins, [f"{part.min()}-{part.max()} tokens" for part in parts]


def select_by_signal(
    signals: Scores,  # N candidates in the pool's order
    count: int | None,
    strata: Sequence[Stratum],  # N
    shares: Mapping[Stratum, int],  # the rows of each stratum in the whole pool, whose mix is kept
) -> Places:
    """The numbers of the chosen candidates, from the strongest signal to the weakest; ties keep the pool's order.

    Each stratum gets its share of `count` and gives its strongest candidates; what a stratum cannot fill goes to the
    others, in proportion. `count` None, or more than there are, keeps all.
    """
    ranked: Places = np.argsort(-signals, kind="stable")
    if count is None or count >= len(ranked):
        return ranked
    room = Counter(strata)
    seats = allot(count, shares, {stratum: room[stratum] for stratum in shares})
    chosen = array("q")
    for number in ranked:
        if seats[strata[number]]:
            seats[strata[number]] -= 1
            chosen.append(number)
    return np.asarray(chosen, np.int64)


def allot(count: int, shares: Mapping[Stratum, int], room: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """`count` seats in proportion to `shares` by largest remainders, none given more than its room.

    Ties go to the stratum that comes first. `count` is not above the sum of all room.
    """
    seats = dict.fromkeys(shares, 0)
    left = count
    while left:
        open_strata = [stratum for stratum in shares if seats[stratum] < room[stratum]]
        total = sum(shares[stratum] for stratum in open_strata)
        exact = {stratum: left * shares[stratum] / total for stratum in open_strata}
        given = {stratum: int(exact[stratum]) for stratum in open_strata}
        by_remainder = sorted(open_strata, key=lambda stratum: given[stratum] - exact[stratum])
        for stratum in by_remainder[: left - sum(given.values())]:
            given[stratum] += 1
        for stratum, more in given.items():
            taken = min(more, room[stratum] - seats[stratum])
            seats[stratum] += taken
            left -= taken
    return seats
