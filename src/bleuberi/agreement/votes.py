"""Agreement among annotators, a ceiling for rewards.

Annotators are scored like metrics: each vote is compared with the others' majority; an annotator's tie counts half,
and pairs on which the others tie are excluded. With three annotators the others are only two, so this target is noisier
than a metric's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bleuberi.agreement.pairs import WINNERS, PreferencePair, Winner
from bleuberi.agreement.scores import FloatArray

SIGN: dict[Winner, int] = {"a": 1, "b": -1, "tie": 0}


class AnnotatorAgreement(NamedTuple):
    """Per pair, the mean over its annotators; NaN with fewer than two votes, or if the other votes tie."""

    with_others: FloatArray  # N, as a metric is measured
    same_vote: FloatArray  # N, the share of equal votes among all pairs of annotators, including ties


def people_signs(pairs: Sequence[PreferencePair]) -> FloatArray:  # N
    """1 if people prefer response a, -1 for b, 0 for a tie."""
    return np.array([SIGN[pair.winner] for pair in pairs], dtype=np.float64)


def annotator_agreement(pairs: Sequence[PreferencePair]) -> AnnotatorAgreement:
    """Agreement of each annotator with the others, one number per pair."""
    with_others, same_vote = np.full(len(pairs), np.nan), np.full(len(pairs), np.nan)
    for row, pair in enumerate(pairs):
        count = pair.votes.total
        if count < 2:
            continue
        total = pair.votes.a - pair.votes.b
        by_vote = [(SIGN[vote], voters) for vote, voters in zip(WINNERS, pair.votes.counts, strict=True) if voters]
        # The others' majority: sign of the votes for a minus votes for b, without the annotator's own vote.
        decided = [(vote, np.sign(total - vote), voters) for vote, voters in by_vote if total != vote]
        if decided:
            agreed = sum((0.5 + 0.5 * vote * float(others)) * voters for vote, others, voters in decided)
            with_others[row] = agreed / sum(voters for _, _, voters in decided)
        equal = sum(voters * (voters - 1) for _, voters in by_vote)
        same_vote[row] = equal / (count * (count - 1))
    return AnnotatorAgreement(with_others, same_vote)
