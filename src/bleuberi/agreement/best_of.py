"""Best-of-n curves: label and length of the answer that a score picks from n, similar to selection in training.

The expectation over all sets of n answers per prompt is computed exactly, without sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import comb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bleuberi.statistics import replicate_interval, resampled_means, step_down_p_values

FloatArray = NDArray[np.float64]

FEWEST: Final = 3  # answers per prompt
ORACLE: Final = "the label itself"


def pick_weights(scores: FloatArray, n: int) -> FloatArray:  # M, 1..M -> M
    """The probability of each of M answers to be the best of n drawn without replacement; ties share it."""
    total = len(scores)
    order = np.argsort(scores, kind="stable")
    weights = np.zeros(total)
    start = 0
    while start < total:
        end = start
        while end < total and scores[order[end]] == scores[order[start]]:
            end += 1
        chance = (comb(end, n) - comb(start, n)) / comb(total, n)
        weights[order[start:end]] = chance / (end - start)
        start = end
    return weights


def sizes(largest: int) -> list[int]:
    """The numbers n of the curves: 1, 2, 4, ..., and the largest."""
    return sorted({2**power for power in range(largest.bit_length()) if 2**power < largest} | {largest})


def best_of_n(
    matrices: dict[str, FloatArray],  # name -> P x S
    labels: FloatArray,  # P x S, NaN for answers without a label
    words: FloatArray,  # P x S
    clusters: Sequence[str],  # P
    *,
    resamples: int,
    seed: int,
    confidence: float,
) -> dict[str, Any]:
    """Mean label and words of the answer that each score picks from n, and the n from which the label falls.

    Uses prompts with at least `largest` (the median) answers. Empty if `largest` is below FEWEST.
    """
    usable = np.isfinite(labels) & np.isfinite(words)
    for matrix in matrices.values():
        usable &= np.isfinite(matrix)
    answers = usable.sum(axis=1)
    judged = np.sort(answers[answers > 0])
    largest = int(judged[(len(judged) - 1) // 2]) if len(judged) else 0
    if largest < FEWEST:
        return {}
    rows = np.flatnonzero(answers >= largest)
    counts = sizes(largest)
    scored = {**matrices, ORACLE: labels}
    values = np.array(
        [
            [
                part
                for matrix in scored.values()
                for n in counts
                for part in _picked(matrix[row, usable[row]], labels[row, usable[row]], words[row, usable[row]], n)
            ]
            for row in rows
        ]
    )
    means = resampled_means(values, [clusters[row] for row in rows], resamples=resamples, seed=seed)
    curves = [
        {
            "reward": name,
            "n": n,
            "label": asdict(means.estimate(2 * (place * len(counts) + at), confidence)),
            "words": asdict(means.estimate(2 * (place * len(counts) + at) + 1, confidence)),
        }
        for place, name in enumerate(scored)
        for at, n in enumerate(counts)
    ]
    turns = {
        name: _turn([2 * (place * len(counts) + at) for at in range(len(counts))], counts, means, confidence)
        for place, name in enumerate(scored)
    }
    return {"largest": largest, "prompts": len(rows), "curves": curves, "turns": turns}


def _picked(scores: FloatArray, labels: FloatArray, words: FloatArray, n: int) -> tuple[float, float]:
    weights = pick_weights(scores, n)
    return float(weights @ labels), float(weights @ words)


def _turn(columns: list[int], counts: list[int], means: Any, confidence: float) -> dict[str, Any]:  # noqa: ANN401
    """The n with the highest label, the change of the label from that n to the largest n, and the change's p value."""
    peak = int(np.argmax(means.values[columns]))
    last = columns[-1]
    after = means.difference(columns[peak], last, confidence)
    gain = means.difference(columns[0], last, confidence)
    draws = means.replicates[:, columns] - means.replicates[:, [last]]
    # The peak was chosen from the data, so the p value is corrected for all n.
    p_values = step_down_p_values(means.values[columns[:-1]] - means.values[last], draws[:, :-1])
    p_value = 1.0 if peak == len(columns) - 1 else float(p_values[peak])
    low, _ = replicate_interval(draws[:, peak], confidence, int(means.clusters[last]))
    return {
        "peak": counts[peak],
        "after_peak": asdict(after),
        "gain": asdict(gain),
        "p_value": p_value,
        "turned": bool(peak < len(columns) - 1 and low > 0 and p_value <= 1.0 - confidence),
    }
