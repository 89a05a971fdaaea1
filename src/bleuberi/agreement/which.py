"""Length-balanced agreement, and agreement by the margin between two scores.

Length-balanced agreement is the mean of two shares: over pairs in which people (or a judge) prefer the longer
response, and the shorter one. A score that depends only on length has 50 %, however often longer responses win.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from bleuberi.agreement.pairs import PreferencePair
from bleuberi.statistics import Estimate, Replicates, rate_estimate, replicate_interval, step_down_p_values

FloatArray = NDArray[np.float64]

LENGTH_MATCHED_RATIO: Final = 0.9  # the shorter response has at least this share of the longer one's words
LONGER: Final = "people_prefer_longer"
SHORTER: Final = "people_prefer_shorter"
QUARTERS: Final = 4
FOLLOWS_LENGTH: Final = 0.95  # from this share on, a score is said to measure length


class Named(Protocol):
    """Any object with a name."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...


def length_subsets(pairs: Sequence[PreferencePair], people: FloatArray) -> dict[str, NDArray[np.bool_]]:
    """Masks: pairs of similar length, and pairs in which people prefer the longer or the shorter response."""
    words = np.array([[len(pair.response_a.split()), len(pair.response_b.split())] for pair in pairs])
    longer = np.sign(word_margins(pairs)) * people
    matched = words.min(axis=1) >= LENGTH_MATCHED_RATIO * words.max(axis=1)
    return {"length_matched": matched, LONGER: longer > 0, SHORTER: longer < 0}


def word_margins(pairs: Sequence[PreferencePair]) -> FloatArray:  # N
    """Word count of response a minus word count of b."""
    return np.array([len(pair.response_a.split()) - len(pair.response_b.split()) for pair in pairs], dtype=np.float64)


def family(scored: Sequence[Named]) -> list[tuple[str, str]]:
    """All (base, other) pairs of rewards, columns and mixes with each other and with baselines."""
    return [
        (base.name, other.name)
        for position, other in enumerate(scored)
        for place, base in enumerate(scored)
        if other.kind != "baseline" and (base.kind == "baseline" or place < position)
    ]


def mean_of(replicates: Replicates, columns: Sequence[int], confidence: float, what: str) -> Estimate | None:
    """The mean of several columns' means, each with equal weight; None if one has no value."""
    if not columns or not all(replicates.counts[column] for column in columns):
        return None
    clusters = int(max(replicates.clusters[column] for column in columns))
    draws = np.asarray(replicates.replicates[:, list(columns)].mean(axis=1))
    low, high = replicate_interval(draws, confidence, clusters)
    return Estimate(
        float(np.mean([replicates.values[column] for column in columns])), low, high,
        int(sum(replicates.counts[column] for column in columns)), clusters,
        f"{what}; {replicates.method()}, {confidence:.0%}",
    )  # fmt: skip


def compare_means_of(
    scored: Sequence[Named], replicates: Replicates, columns_of: dict[str, list[int]], confidence: float, what: str
) -> list[dict[str, object]]:
    """Paired differences of `mean_of` between all scores of the family, with p values corrected for all of them."""
    pairs = family(scored)
    used = [column for columns in columns_of.values() for column in columns]
    if not pairs or not all(replicates.counts[column] for column in used):
        return []
    drawn = {name: replicates.replicates[:, columns].mean(axis=1) for name, columns in columns_of.items()}
    value = {name: float(replicates.values[columns].mean()) for name, columns in columns_of.items()}
    draws = np.column_stack([drawn[other] - drawn[base] for base, other in pairs])
    observed = [value[other] - value[base] for base, other in pairs]
    if not np.isfinite(draws).all(axis=1).any():
        return []
    p_values = step_down_p_values(observed, draws)
    found = []
    for place, (base, other) in enumerate(pairs):
        clusters = int(max(replicates.clusters[column] for column in columns_of[other]))
        low, high = replicate_interval(draws[:, place], confidence, clusters)
        difference = Estimate(
            observed[place], low, high, int(replicates.counts[columns_of[other]].sum()), clusters,
            f"paired difference of {what}; {replicates.method(paired=True)}, {confidence:.0%}",
        )  # fmt: skip
        found.append(
            {
                "base": base,
                "other": other,
                "difference": asdict(difference),
                "standard_error": float(np.nanstd(draws[:, place])),
                "p_value": float(p_values[place]),
                "p_value_method": f"two-sided, step-down maximum over {len(pairs)} comparisons on the same resamples",
            }
        )
    return found


def margin_quarters(
    margins: FloatArray,  # N
    outcomes: FloatArray,  # N in {0, 0.5, 1}; NaN = excluded
    clusters: Sequence[str],  # N
    confidence: float,
) -> list[dict[str, object]]:
    """Agreement by quarter of the absolute margin, smallest first. Equal margins are split in row order."""
    inside = np.flatnonzero(np.isfinite(outcomes) & np.isfinite(margins))
    if len(inside) < QUARTERS:
        return []
    size = np.abs(margins[inside])
    found = []
    for rows in np.array_split(inside[np.argsort(size, kind="stable")], QUARTERS):
        estimate = rate_estimate(outcomes[rows], [clusters[row] for row in rows], confidence)
        bounds = np.abs(margins[rows])
        found.append({"from": float(bounds.min()), "to": float(bounds.max()), "agreement": asdict(estimate)})
    return found


def share_following(margins: FloatArray, lengths: FloatArray) -> float | None:  # N, N -> 1
    """The share of pairs with different lengths in which the score prefers the longer response; ties count half."""
    told = np.isfinite(margins) & np.isfinite(lengths) & (lengths != 0)
    if not told.any():
        return None
    return float((0.5 + 0.5 * np.sign(margins[told]) * np.sign(lengths[told])).mean())
