"""How well annotators agree with each other: the ceiling. Knows votes; knows no metrics.

An annotator is treated as a metric is: his vote against what the others prefer, a tie of his counts half, and pairs on
which the others tie are left out. The others of three are two, so this target is noisier than a metric's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bleuberi.agreement.pairs import PreferencePair, Winner
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
        votes = np.array([SIGN[vote] for vote in pair.votes])
        if len(votes) < 2:
            continue
        others = np.sign(votes.sum() - votes)  # more votes for a than for b, without one's own
        decided = others != 0
        if decided.any():
            with_others[row] = (0.5 + 0.5 * votes[decided] * others[decided]).mean()
        equal = (votes[:, None] == votes[None, :]).sum() - len(votes)
        same_vote[row] = equal / (len(votes) * (len(votes) - 1))
    return AnnotatorAgreement(with_others, same_vote)
