"""Summarise a judge's verdicts: counts, win rate with interval, and response lengths. Sends no requests.

Only verdicts that both orders agree on count for the win rate. All others are counted by type: an inconsistent,
unreadable or missing reply is neither a tie nor half a win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean

import numpy as np

from bleuberi.errors import UserError
from bleuberi.evaluation.model_facts import TrainingFacts
from bleuberi.evaluation.models import Group
from bleuberi.evaluation.record import Judged, WonLost
from bleuberi.generation.judge import CONSISTENT, TROUBLES, VERDICTS, Judgment
from bleuberi.statistics import Estimate, prompt_clusters, rate_estimate, runs_of

_ORDER = ("sft", "dpo", "grpo")
_WINS: Mapping[str, float] = {"other": 1.0, "tie": 0.5, "base": 0.0}


def pairs_to_judge(
    asked: Sequence[tuple[str, str]],  # (other, base)
    groups: Sequence[Group],
    facts: Mapping[str, TrainingFacts | None],  # by group
) -> list[tuple[Group, Group]]:  # (base, other)
    """The requested pairs; by default each group against the base, and groups of different methods against each other.
    Errors: `UserError` for unknown names."""
    by_name = {group.name: group for group in groups}
    for other, base in asked:
        unknown = [name for name in (other, base) if name not in by_name]
        if unknown or other == base:
            raise UserError(
                f"--judge_pairs got {other}:{base}, but that is not a pair of these models.",
                f"Pair two of: {', '.join(by_name)}.",
            )
    if asked:
        return [(by_name[base], by_name[other]) for other, base in dict.fromkeys(asked)]
    trained = [group for group in groups[1:] if facts.get(group.name) is not None]
    method = {group.name: facts[group.name].method for group in trained}  # type: ignore[union-attr]
    across = [
        (left, right) if _ORDER.index(method[left.name]) < _ORDER.index(method[right.name]) else (right, left)
        for left, right in combinations(trained, 2)
        if method[left.name] != method[right.name]
    ]
    return [(groups[0], group) for group in groups[1:]] + across


def member_pairs(base: Group, other: Group) -> list[tuple[str, str]]:
    """Pair the seeds of two groups in order; the members of the smaller group are repeated."""
    count = max(len(base.members), len(other.members))
    return [(base.members[n % len(base.members)], other.members[n % len(other.members)]) for n in range(count)]


def summarise(base: Group, other: Group, judged: Sequence[Sequence[Judgment]], clusters: Mapping[str, str]) -> Judged:
    """Summarise the judgments on one pair of groups. `judged`: a list per pair of members; `clusters`: each prompt's
    text by id."""
    every = [judgment for column in judged for judgment in column]
    counts = Counter(judgment.verdict for judgment in every)
    won = [judgment for judgment in every if judgment.verdict in ("other", "base")]
    winners = [judgment.words[judgment.verdict == "other"] for judgment in won]
    losers = [judgment.words[judgment.verdict == "base"] for judgment in won]
    uneven = [(winner, loser) for winner, loser in zip(winners, losers, strict=True) if winner != loser]
    torn = [judgment.verdicts for judgment in every if judgment.verdict == "inconsistent"]
    return Judged(
        base=base.name,
        other=other.name,
        members=tuple((column[0].base, column[0].other) for column in judged if column),
        prompts=len(every),
        counts={name: counts[name] for name in VERDICTS},
        win_rate=_win_rate(judged, clusters),
        mean_words=WonLost(fmean(winners), fmean(losers)) if won else None,
        longer_won=fmean(winner > loser for winner, loser in uneven) if uneven else None,
        first_place=fmean(said == ("base", "other") for said in torn) if torn else None,
    )


def judge_warnings(pairs: Sequence[Judged]) -> list[str]:
    """Caveats on the win rates: missing verdicts, verdicts that depend on the order, longer responses that win."""
    said = []
    for pair in pairs:
        counts, name = pair.counts, f"{pair.other} against {pair.base}"
        asked = pair.prompts - counts["identical"]
        trouble = {kind: counts[kind] for kind in TROUBLES if counts[kind]}
        consistent = sum(counts[kind] for kind in CONSISTENT)
        if trouble:
            words = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in trouble.items())
            said.append(f"Judge, {name}: no verdict on {sum(trouble.values())} of {asked} comparisons ({words}).")
        if asked and consistent < asked / 2:
            said.append(
                f"Judge, {name}: only {consistent} of {asked} verdicts hold in both orders; do not lean on them."
            )
        if pair.longer_won is not None and pair.longer_won > 0.65:
            said.append(f"Judge, {name}: the longer answer won {pair.longer_won:.0%} of the time.")
    return said


def _win_rate(judged: Sequence[Sequence[Judgment]], clusters: Mapping[str, str]) -> Estimate | None:
    """The share of consistent verdicts that `other` wins, ties as halves; over prompts, and over runs if several."""
    values = np.full((max(map(len, judged), default=0), len(judged)), np.nan)
    for column, judgments in enumerate(judged):
        for row, judgment in enumerate(judgments):
            values[row, column] = _WINS.get(judgment.verdict, np.nan)
    kept = ~np.isnan(values).all(axis=0)
    if not kept.any():
        return None
    names = prompt_clusters([clusters[judgment.id] for judgment in judged[0]])
    values = values[:, kept]
    # Runs that all win alike have no spread, and the share still has an interval.
    if values.shape[1] == 1 or np.nanmin(values) == np.nanmax(values):
        return rate_estimate(values.ravel(), [name for name in names for _ in range(values.shape[1])])
    return runs_of(values, names).mean(range(values.shape[1]))
