"""Agreement of rewards with people's preferences.

All numbers of one analysis use the same resamples of prompts, so any two can be compared pairwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bleuberi.agreement.config import Sureness
from bleuberi.agreement.pairs import PreferencePair
from bleuberi.agreement.scores import FloatArray, Scored, agreement_of_margins
from bleuberi.agreement.ties import three_way_agreement
from bleuberi.agreement.votes import annotator_agreement, people_signs
from bleuberi.agreement.which import (
    LENGTH_MATCHED_RATIO,
    LONGER,
    SHORTER,
    Named,
    compare_means_of,
    family,
    length_subsets,
    margin_quarters,
    mean_of,
    share_following,
    word_margins,
)
from bleuberi.errors import UserError
from bleuberi.statistics import (
    Estimate,
    Replicates,
    discordant_interval,
    prompt_clusters,
    rate_estimate,
    resampled_means,
    step_down_p_values,
)

BoolArray = NDArray[np.bool_]

FEW_IN_SOURCE = 20  # sources with fewer decisive pairs are pooled

BALANCED = "mean of two agreements: on pairs in which people prefer the longer response, and the shorter"

POLICIES = {
    "balanced": BALANCED + "; length alone has 50 %",
    "margin_quarters": "agreement by quarter of a score's absolute margin",
    "agreement": "share of decisive pairs in which the score is higher for the response that people prefer",
    "ties_of_people": "excluded from agreement; included in agreement_with_ties, in which a metric may tie too",
    "ties_of_the_metric": "count half, the expected value of breaking them by a coin toss",
    "agreement_with_ties": "share of all pairs with the right one of three answers (a, b, tie); the metric ties if "
    "its margin is within a threshold, chosen on other prompts (5 folds)",
    "clusters": "all pairs of one prompt are one observation; prompts that differ only in white space or case are one",
    "intervals": "of shares: Wilson's on the effective number of pairs; of differences: resampled prompts",
    "length_matched": f"word counts within {1 - LENGTH_MATCHED_RATIO:.0%} of each other",
    "annotators": "each annotator is compared with the others' majority; an annotator's tie counts half",
}


@dataclass(slots=True)
class Columns:
    """Outcomes that are resampled together, by key."""

    by_key: dict[tuple[str, ...], FloatArray] = field(default_factory=dict)

    def means(self, prompts: Sequence[str], sureness: Sureness) -> Means:
        matrix = np.column_stack(list(self.by_key.values()))
        clusters = prompt_clusters(prompts)
        replicates = resampled_means(matrix, clusters, resamples=sureness.resamples, seed=sureness.seed)
        index = {key: place for place, key in enumerate(self.by_key)}
        return Means(matrix, clusters, replicates, index, sureness.confidence)


@dataclass(frozen=True, slots=True)
class Means:
    """Shares of outcomes, by key."""

    outcomes: FloatArray  # N x keys
    clusters: Sequence[str]  # N
    replicates: Replicates
    index: Mapping[tuple[str, ...], int]
    confidence: float

    def estimate(self, *key: str) -> dict[str, object] | None:
        """The estimate for a key as plain data; None if the key has no values."""
        column = self.index[key]
        if not self.replicates.counts[column]:
            return None
        return asdict(rate_estimate(self.outcomes[:, column], self.clusters, self.confidence))

    def difference(self, base: tuple[str, ...], other: tuple[str, ...]) -> Estimate | None:
        """The paired difference of two keys; None if one has no value."""
        columns = self.index[base], self.index[other]
        if not all(self.replicates.counts[column] for column in columns):
            return None
        found = self.replicates.difference(*columns, self.confidence)
        few = discordant_interval(
            self.outcomes[:, columns[1]] - self.outcomes[:, columns[0]], self.clusters, self.confidence
        )
        if few is None:
            return found
        method = f"paired difference of shares; Bonett and Price's interval for few that differ, {self.confidence:.0%}"
        return replace(found, low=few[0], high=few[1], method=method)

    def draws(self, *key: str) -> FloatArray:
        return self.replicates.replicates[:, self.index[key]]


def analyse(
    pairs: Sequence[PreferencePair],  # N
    scored: Sequence[Scored],
    curves: Mapping[str, FloatArray],  # name -> N x K
    sureness: Sureness,
) -> dict[str, Any]:
    """The analysis of the pairs in `agreement.json`, as plain data."""
    people = people_signs(pairs)
    complete: BoolArray = np.logical_not(np.isnan(np.column_stack([one.margins for one in scored])).any(axis=1))
    decisive: BoolArray = complete & (people != 0)
    if not decisive.any():
        raise UserError(
            f"No pair can be used: of {len(pairs):,} pairs, {int((people == 0).sum()):,} are ties in people's votes "
            f"and {int((~complete).sum()):,} have no score.",
            "Give pairs in which people prefer one response.",
        )
    columns = Columns()
    sources = source_labels(pairs, decisive)
    subsets = length_subsets(pairs, people)
    prompts = prompt_clusters([pair.asked for pair in pairs])
    annotators = annotator_agreement(pairs)
    annotated = np.isfinite(annotators.with_others)
    for one in scored:
        outcome = np.where(complete, agreement_of_margins(one.margins, people), np.nan)
        columns.by_key["agreement", one.name] = outcome
        if (people == 0).any():
            three_way = three_way_agreement(one.margins, people, prompts, sureness.seed)
            columns.by_key["with_ties", one.name] = np.where(complete, three_way, np.nan)
        for name, inside in subsets.items():
            columns.by_key["subset", name, one.name] = np.where(inside, outcome, np.nan)
        for name in dict.fromkeys(sources):
            columns.by_key["source", name, one.name] = np.where(np.array(sources) == name, outcome, np.nan)
            inside = annotated & (np.array(sources) == name)
            columns.by_key["annotated", name, one.name] = np.where(inside, outcome, np.nan)
        columns.by_key["annotated", one.name] = np.where(annotated, outcome, np.nan)
    for name, curve in curves.items():
        for count in range(curve.shape[1]):
            columns.by_key["curve", name, str(count + 1)] = np.where(complete, curve[:, count], np.nan)
    columns.by_key["annotators", "with_others"] = annotators.with_others
    columns.by_key["annotators", "same_vote"] = annotators.same_vote
    names = list(dict.fromkeys(sources))
    for name in names:
        inside = np.array(sources) == name
        columns.by_key["annotators", name, "with_others"] = np.where(inside, annotators.with_others, np.nan)
    means = columns.means(prompts, sureness)
    return {
        "counts": counts(pairs, people, complete, decisive),
        "policies": POLICIES,
        "rewards": [
            {
                **_reward_entry(one, means, list(subsets), names, decisive),
                "balanced": balanced(one.name, scored, means),
                "margin_quarters": margin_quarters(
                    one.margins, columns.by_key["agreement", one.name], means.clusters, sureness.confidence
                ),
                "prefers_longer": share_following(one.margins[decisive], word_margins(pairs)[decisive]),
            }
            for one in scored
        ],
        "comparisons": comparisons(scored, means),
        "balanced_comparisons": balanced_comparisons(scored, means),
        "curves": _curve_entries(curves, scored, means),
        "annotators": {
            **{name: means.estimate("annotators", name) for name in ("with_others", "same_vote")},
            "sources": {name: means.estimate("annotators", name, "with_others") for name in names},
        },
    }


def comparisons(scored: Sequence[Named], means: Means) -> list[dict[str, object]]:
    """Compare every reward, column and mix with every other and with every baseline, as one family."""
    pairs = family(scored)
    differences = [means.difference(("agreement", base), ("agreement", other)) for base, other in pairs]
    if not pairs or None in differences:
        return []
    draws = np.column_stack([means.draws("agreement", other) - means.draws("agreement", base) for base, other in pairs])
    told = [difference for difference in differences if difference is not None]
    p_values = step_down_p_values([difference.value for difference in told], draws)
    return [
        {
            "base": base,
            "other": other,
            "difference": asdict(difference),
            "standard_error": float(np.nanstd(draws[:, column])),
            "p_value": float(p_values[column]),
            "p_value_method": f"two-sided, step-down maximum over {len(pairs)} comparisons on the same resamples",
        }
        for column, ((base, other), difference) in enumerate(zip(pairs, told, strict=True))
    ]


def balanced_columns(scored: Sequence[Named], means: Means) -> dict[str, list[int]]:
    """The columns that are averaged to length-balanced agreement, by name."""
    return {one.name: [means.index["subset", name, one.name] for name in (LONGER, SHORTER)] for one in scored}


def balanced(name: str, scored: Sequence[Named], means: Means) -> dict[str, object] | None:
    """Length-balanced agreement of one score as plain data; None if people never prefer the longer, or the shorter."""
    return _plain(mean_of(means.replicates, balanced_columns(scored, means)[name], means.confidence, BALANCED))


def balanced_comparisons(scored: Sequence[Named], means: Means) -> list[dict[str, object]]:
    """The same as `comparisons`, for length-balanced agreement."""
    return compare_means_of(
        scored, means.replicates, balanced_columns(scored, means), means.confidence, "length-balanced agreement"
    )


def source_labels(pairs: Sequence[PreferencePair], decisive: BoolArray) -> list[str]:
    """The source of every pair; sources with few decisive pairs share one name."""
    sizes: dict[str, int] = {}
    for pair, counts_here in zip(pairs, decisive, strict=True):
        sizes[pair.source] = sizes.get(pair.source, 0) + bool(counts_here)
    small = {name for name, size in sizes.items() if size < FEW_IN_SOURCE}
    if len(sizes) == 1:
        small = set()
    return [f"other ({len(small)} sources)" if pair.source in small else pair.source for pair in pairs]


def counts(
    pairs: Sequence[PreferencePair], people: FloatArray, complete: BoolArray, decisive: BoolArray
) -> dict[str, int]:
    """The numbers of pairs and prompts, in total and by use."""
    return {
        "pairs": len(pairs),
        "pairs_scored": int(complete.sum()),
        "decisive_pairs": int(decisive.sum()),
        "prompts": len(
            set(prompt_clusters([pair.asked for pair, inside in zip(pairs, decisive, strict=True) if inside]))
        ),
        "ties_of_people": int((people == 0).sum()),
        "a_wins": int((people > 0).sum()),
        "b_wins": int((people < 0).sum()),
        "identical_responses": sum(pair.response_a == pair.response_b for pair in pairs),
        "empty_responses": sum(not text.strip() for pair in pairs for text in (pair.response_a, pair.response_b)),
        "pairs_with_two_votes": sum(pair.votes.total >= 2 for pair in pairs),
    }


def _reward_entry(
    one: Scored, means: Means, subsets: Sequence[str], sources: Sequence[str], decisive: BoolArray
) -> dict[str, object]:
    with_ties = ("with_ties", one.name) in means.index
    return {
        "name": one.name,
        "kind": one.kind,
        "signature": one.signature,
        "agreement": means.estimate("agreement", one.name),
        "metric_ties": int((one.margins[decisive] == 0).sum()),
        "agreement_with_ties": means.estimate("with_ties", one.name) if with_ties else None,
        "subsets": {name: means.estimate("subset", name, one.name) for name in subsets},
        "sources": {name: means.estimate("source", name, one.name) for name in sources},
        "annotated": means.estimate("annotated", one.name),
        "annotated_sources": {name: means.estimate("annotated", name, one.name) for name in sources},
        "details": one.details,
    }


def _plain(estimate: Estimate | None) -> dict[str, object] | None:
    return None if estimate is None else asdict(estimate)


def _curve_entries(curves: Mapping[str, FloatArray], scored: Sequence[Scored], means: Means) -> list[dict[str, object]]:
    signature = {one.name: one.signature for one in scored}
    return [
        {
            "reward": name,
            "signature": signature[name],
            "references": count,
            "agreement": means.estimate("curve", name, str(count)),
            "more_than_with_one": None
            if count == 1
            else _plain(means.difference(("curve", name, "1"), ("curve", name, str(count)))),
        }
        for name, curve in curves.items()
        for count in range(1, curve.shape[1] + 1)
    ]
