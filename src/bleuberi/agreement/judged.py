"""Agreement with a judge's scores of single answers: in pairs, and in best of n."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from bleuberi.agreement.analysis import Columns, balanced, balanced_comparisons, comparisons
from bleuberi.agreement.best_of import best_of_n
from bleuberi.agreement.config import Sureness
from bleuberi.agreement.scores import TIE_TOLERANCE, FloatArray
from bleuberi.agreement.systems import SystemScores
from bleuberi.agreement.which import LONGER, SHORTER, margin_quarters, share_following
from bleuberi.rewards.baselines import LENGTH_BASELINE

Entry = dict[str, object]


class JudgedPairs(NamedTuple):
    """Agreement on pairs of answers to one prompt that the judge scored differently, by score; empty without judged
    answers."""

    agreement: dict[str, Entry | None]
    comparisons: list[Entry]
    balanced: dict[str, Entry | None]
    balanced_comparisons: list[Entry]
    quarters: dict[str, list[Entry]]
    prefers_longer: dict[str, float | None]


def answer_pairs(
    scores: Sequence[SystemScores],
    answer_labels: FloatArray,  # P x S, NaN without a label
    clusters: Sequence[str],  # P
    sureness: Sureness,
) -> JudgedPairs:
    """Agreement with the judge on pairs of answers to one prompt, plain and length-balanced, with all comparisons.

    A metric's ties count half. Pairs of one prompt are one observation. Lengths come from the length baseline;
    without it there is no balanced agreement.
    """
    parts, signs, labels = [], [], []
    for first, second in combinations(range(answer_labels.shape[1]), 2):
        judged = np.sign(answer_labels[:, first] - answer_labels[:, second])
        margins = np.column_stack([one.matrix[:, first] - one.matrix[:, second] for one in scores])
        margins = np.where(np.abs(margins) <= TIE_TOLERANCE, 0.0, margins)
        usable = np.isfinite(judged) & (judged != 0) & np.isfinite(margins).all(axis=1)
        parts.append(margins[usable])
        signs.append(judged[usable])
        labels += [clusters[row] for row in np.flatnonzero(usable)]
    if not labels:
        return JudgedPairs({}, [], {}, [], {}, {})
    margins, judged = np.concatenate(parts), np.concatenate(signs)
    outcomes = 0.5 + 0.5 * np.sign(margins) * judged[:, None]
    names = [one.name for one in scores]
    columns = Columns({("agreement", name): outcomes[:, place] for place, name in enumerate(names)})
    by_length = LENGTH_BASELINE in names
    lengths = margins[:, names.index(LENGTH_BASELINE)] if by_length else np.zeros(len(margins))
    longer = np.sign(lengths) * judged
    for place, name in enumerate(names):
        columns.by_key["subset", LONGER, name] = np.where(longer > 0, outcomes[:, place], np.nan)
        columns.by_key["subset", SHORTER, name] = np.where(longer < 0, outcomes[:, place], np.nan)
    means = columns.means(labels, sureness)
    return JudgedPairs(
        {name: means.estimate("agreement", name) for name in names},
        comparisons(scores, means),
        {name: balanced(name, scores, means) for name in names},
        balanced_comparisons(scores, means),
        {
            name: margin_quarters(margins[:, place], outcomes[:, place], means.clusters, sureness.confidence)
            for place, name in enumerate(names)
        },
        {name: share_following(margins[:, place], lengths) for place, name in enumerate(names)},
    )


def best_answers(
    scores: Sequence[SystemScores],
    answer_labels: FloatArray,  # P x S
    clusters: Sequence[str],  # P
    sureness: Sureness,
) -> dict[str, Any]:
    """Best-of-n curves of every score; empty without judged answers or without the length baseline."""
    words = next((one.matrix for one in scores if one.name == LENGTH_BASELINE), None)
    if words is None or not np.isfinite(answer_labels).any():
        return {}
    return best_of_n(
        {one.name: one.matrix for one in scores}, answer_labels, words, clusters,
        resamples=sureness.resamples, seed=sureness.seed, confidence=sureness.confidence,
    )  # fmt: skip
