"""Agreement if people may tie: three outcomes instead of two.

A metric with continuous scores never ties, so it gets a threshold: smaller margins count as ties. The threshold is the
best one on other prompts (tie calibration, Deutsch, Foster and Freitag 2023), so no pair is judged with a threshold
that was fitted on its prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bleuberi.agreement.scores import FloatArray
from bleuberi.statistics import cluster_codes, cluster_folds

FOLDS = 5


def three_way_agreement(
    margins: FloatArray,  # N
    people: FloatArray,  # N in {1, 0, -1}
    prompts: Sequence[str],  # N
    seed: int = 0,
) -> FloatArray:  # N
    """1 if the metric with its threshold gives the same of the three outcomes (a, b, tie) as people, else 0."""
    codes, n_prompts = cluster_codes(prompts, len(prompts))
    if n_prompts < 2:
        return np.full(len(margins), np.nan)
    folds = cluster_folds(codes, min(FOLDS, n_prompts), seed)
    outcome = np.full(len(margins), np.nan)
    for fold in range(int(folds.max()) + 1):
        held_out, train = folds == fold, folds != fold
        threshold = best_threshold(margins[train], people[train])
        said = np.where(np.abs(margins[held_out]) <= threshold, 0.0, np.sign(margins[held_out]))
        outcome[held_out] = said == people[held_out]
    return np.where(np.isnan(margins), np.nan, outcome)


def best_threshold(margins: FloatArray, people: FloatArray) -> float:
    """The threshold with the most correct outcomes; the smallest if several. Margins of 0 always tie."""
    present = ~np.isnan(margins)
    margins, people = margins[present], people[present]
    size = np.abs(margins)
    order = np.argsort(size, kind="stable")
    # If the k smallest margins are ties, correct are people's ties among them and correct sides among the others.
    right_tie = np.concatenate([[0], np.cumsum(people[order] == 0)])
    right_side = np.concatenate([[0], np.cumsum((np.sign(margins[order]) == people[order]) & (size[order] > 0))])
    right = right_tie + right_side[-1] - right_side
    candidates = np.concatenate([[0.0], size[order]])
    last_of_equals = np.append(candidates[1:] != candidates[:-1], True)  # equal margins share a threshold
    right = np.where(last_of_equals, right, -1)
    return float(candidates[int(np.argmax(right))])
