"""How well annotators agree with each other: the ceiling. Knows votes; knows no metrics.

An annotator is treated as a metric is: his vote against what the others prefer, a tie of his counts half, and pairs on
which the others tie are left out. The others of three are two, so this target is noisier than a metric's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bleuberi.agreement.pairs import WINNERS, PreferencePair, Winner
from bleuberi.agreement.scores import FloatArray

SIGN: dict[Winner, int] = {"a": 1, "b": -1, "tie": 0}


class AnnotatorAgreement(NamedTuple):
    """For every pair the mean over its annotators; NaN where it has fewer than two votes or nothing to agree with."""

    with_others: FloatArray  # N, as a metric is measured
    same_vote: FloatArray  # N, the share of equal votes among all couples of annotators, ties included


def people_signs(pairs: Sequence[PreferencePair]) -> FloatArray:  # N
    """1 where people prefer response a, -1 where b, 0 where they tie."""
    return np.array([SIGN[pair.winner] for pair in pairs], dtype=np.float64)


def annotator_agreement(pairs: Sequence[PreferencePair]) -> AnnotatorAgreement:
    """Agreement of each annotator with the others, one number a pair."""
    with_others, same_vote = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    for row, pair in enumerate(pairs):
        count = pair.votes.total
        if count < 2:
            continue
        total = pair.votes.a - pair.votes.b
        by_vote = [(SIGN[vote], voters) for vote, voters in zip(WINNERS, pair.votes.counts, strict=True) if voters]
        # The sign of what the others say: more votes for a than for b, without one's own.
        decided = [(vote, np.sign(total - vote), voters) for vote, voters in by_vote if total != vote]
        if decided:
            agreed = sum((0.5 + 0.5 * vote * float(others)) * voters for vote, others, voters in decided)
            with_others[row] = agreed / sum(voters for _, _, voters in decided)
        equal = sum(voters * (voters - 1) for _, voters in by_vote)
        same_vote[row] = equal / (count * (count - 1))
    return AnnotatorAgreement(with_others, same_vote)
