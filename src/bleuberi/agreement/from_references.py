"""Compare rewards with references only: do they detect planted damage, favour length or copying, distinguish samples?

Every outcome is a share, and 50 % is chance: per pair of texts, 1 if the reward behaves as it should, 0 if it does
the opposite, 0.5 if both texts score the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from bleuberi.agreement.analysis import Columns, Means
from bleuberi.agreement.config import Sureness
from bleuberi.agreement.damage import KINDS, damaged, nearest_other
from bleuberi.agreement.scores import TIE_TOLERANCE, FloatArray
from bleuberi.agreement.which import compare_means_of, mean_of, share_following
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.base import score_responses
from bleuberi.rewards.text_shape import CopiedShare, shape_tokens
from bleuberi.statistics import prompt_clusters, resampled_means

FEWEST_OF_KIND = 10  # prompts; rarer kinds of damage are omitted
MOST_SAMPLES = 16  # per prompt


@dataclass(frozen=True, slots=True)
class Trial:
    """One prompt's texts to be scored, and their references."""

    example: Example
    intact: str  # a good text: a reference
    others: list[str]  # the references for `intact`
    damaged: dict[str, str]
    candidates: list[str]  # samples of a policy; without them the references
    against: list[list[str]]  # the references of each candidate
    halves: tuple[list[str], list[str]] | None  # two halves of the references for `twice`
    twice: list[str]  # candidates scored against both halves
    sampled: bool  # whether the candidates are samples of a policy


@dataclass(frozen=True, slots=True)
class TrialScores:
    """One reward's scores in all trials; NaN if a score is missing."""

    name: str
    kind: str
    signature: str
    intact: FloatArray  # T
    damaged: dict[str, FloatArray]  # kind -> T
    candidates: list[FloatArray]  # T, each M
    halves: list[tuple[FloatArray, FloatArray]]  # T, each (M, M), or two empty ones


def make_trials(examples: Sequence[Example], samples: dict[str, list[str]] | None, seed: int) -> list[Trial]:
    """The texts of every prompt. One reference is held out as the good text; if it is the only one, it is compared with
    itself."""
    generator = random.Random(seed)
    orders = [generator.sample(row.references, len(row.references)) for row in examples]
    strangers = nearest_other([order[0] for order in orders])
    trials = []
    for row, order, stranger in zip(examples, orders, strangers, strict=True):
        rest = order[1:] or order
        given = (samples or {}).get(row.id, [])[:MOST_SAMPLES]
        if samples is None:
            candidates = order if len(order) > 1 else []
            against = [order[:place] + order[place + 1 :] for place in range(len(candidates))]
            twice, halved = order[:2], order[2:]
        else:
            candidates, against, twice, halved = given, [order] * len(given), given, order
        halves = (halved[::2], halved[1::2]) if len(halved) > 1 and len(twice) > 1 else None
        changed = damaged(order[0], row.prompt, stranger, generator)
        sampled = samples is not None
        both = twice if halves else []
        trials.append(Trial(row, order[0], rest, changed, candidates, against, halves, both, sampled))
    return trials


def score_trials(name: str, kind: str, reward: Reward, trials: Sequence[Trial]) -> TrialScores:
    """Score all texts of all trials in one call."""
    texts: list[tuple[str, str, list[str]]] = []
    for trial in trials:
        prompt = trial.example.prompt
        texts.append((prompt, trial.intact, trial.others))
        texts += [(prompt, text, trial.others) for text in trial.damaged.values()]
        texts += [(prompt, text, refs) for text, refs in zip(trial.candidates, trial.against, strict=True)]
        texts += [(prompt, text, half) for half in trial.halves or () for text in trial.twice]
    given = score_responses(
        reward,
        prompts=[prompt for prompt, _, _ in texts],
        responses=[text for _, text, _ in texts],
        references=[refs for _, _, refs in texts],
    )
    scores = iter(np.nan if score is None else score for score in given)

    def take(count: int) -> FloatArray:
        return np.array([next(scores) for _ in range(count)], dtype=np.float64)

    intact = np.full(len(trials), np.nan)
    broken = {damage: np.full(len(trials), np.nan) for damage in KINDS}
    candidates, halves = [], []
    for row, trial in enumerate(trials):
        intact[row] = take(1)[0]
        for damage in trial.damaged:
            broken[damage][row] = take(1)[0]
        candidates.append(take(len(trial.candidates)))
        halves.append((take(len(trial.twice)), take(len(trial.twice))))
    return TrialScores(name, kind, reward.signature(), intact, broken, candidates, halves)


def analyse_trials(trials: Sequence[Trial], scored: Sequence[TrialScores], sureness: Sureness) -> dict[str, Any]:
    """The content of `agreement.json` for references, as plain data."""
    columns, clusters = Columns(), [trial.example.prompt for trial in trials]
    pairs = _Pairs(trials)
    planted = {kind: sum(kind in trial.damaged for trial in trials) for kind in KINDS}
    kinds = [kind for kind, count in planted.items() if count >= min(FEWEST_OF_KIND, len(trials))]
    for one in scored:
        for kind in kinds:
            columns.by_key["damage", kind, one.name] = _falls(one.intact, one.damaged[kind])
        columns.by_key["halves", one.name] = np.array([_halves_agree(*both) for both in one.halves])
        columns.by_key["longer", one.name] = pairs.share(one, "longer")
        columns.by_key["copied", one.name] = pairs.share(one, "copied")
    means = columns.means(clusters, sureness)
    sees = {one.name: [means.index["damage", kind, one.name] for kind in kinds] for one in scored}
    what = "mean over kinds of damage of the share in which the score falls"
    gains = _headroom(trials, scored, sureness)
    return {
        "counts": {
            "prompts": len(set(prompt_clusters(clusters))),
            "references": sum(len(trial.example.references) for trial in trials),
            "own_reference": sum(len(trial.example.references) < 2 for trial in trials),
            "samples": sum(len(trial.candidates) for trial in trials if trial.sampled),
            "pairs_of_candidates": pairs.count,
        },
        "damage_kinds": {kind: {"what": KINDS[kind], "prompts": planted[kind]} for kind in kinds},
        "rewards": [
            {
                "name": one.name,
                "kind": one.kind,
                "signature": one.signature,
                "sees": _plain(mean_of(means.replicates, sees[one.name], sureness.confidence, what)),
                "damage": {kind: _damage_entry(one, kind, means) for kind in kinds},
                "halves": means.estimate("halves", one.name),
                "longer": means.estimate("longer", one.name),
                "copied": means.estimate("copied", one.name),
                "prefers_longer": pairs.follows_length(one),
                "headroom": gains.get(one.name),
            }
            for one in scored
        ],
        "comparisons": compare_means_of(scored, means.replicates, sees, sureness.confidence, what) if kinds else [],
    }


def _damage_entry(one: TrialScores, kind: str, means: Means) -> dict[str, object]:
    both = np.isfinite(one.intact) & np.isfinite(one.damaged[kind])
    falls = means.estimate("damage", kind, one.name)
    loss = (one.intact - one.damaged[kind])[both]
    return {
        "falls": falls,
        "unchanged": float((_falls(one.intact, one.damaged[kind])[both] == 0.5).mean()) if both.any() else None,
        "mean_loss": float(loss.mean()) if both.any() else None,
    }


def _plain(estimate: Any) -> dict[str, object] | None:  # noqa: ANN401 - Estimate or None
    return None if estimate is None else asdict(estimate)


def _sign(first: FloatArray, second: FloatArray) -> FloatArray:
    """The sign of `first - second`, 0 if they differ only by rounding."""
    margin = first - second
    scale = np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
    return np.asarray(np.where(np.abs(margin) <= TIE_TOLERANCE * scale, 0.0, np.sign(margin)))


def _falls(intact: FloatArray, broken: FloatArray) -> FloatArray:
    return 0.5 + 0.5 * _sign(intact, broken)


def _pair_rows(count: int) -> tuple[list[int], list[int]]:
    both = list(combinations(range(count), 2))
    return [first for first, _ in both], [second for _, second in both]


def _halves_agree(first: FloatArray, second: FloatArray) -> float:
    """The share of candidate pairs ordered the same by both halves; a tie in one half counts half."""
    if len(first) < 2:
        return float("nan")
    one, two = _pair_rows(len(first))
    same = _sign(first[one], first[two]) * _sign(second[one], second[two])
    same = same[np.isfinite(same)]
    return float((0.5 + 0.5 * same).mean()) if len(same) else float("nan")


class _Pairs:
    """All candidate pairs per prompt: which candidate is longer, and which copies more of the prompt."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._rows = [_pair_rows(len(trial.candidates)) for trial in trials]
        self.count = sum(len(first) for first, _ in self._rows)
        self._words = np.array([float(len(trial.intact.split())) for trial in trials])
        self._damaged_words = {
            kind: np.array([float(len(trial.damaged.get(kind, "").split())) for trial in trials]) for kind in KINDS
        }
        self._more: dict[str, list[FloatArray]] = {"longer": [], "copied": []}
        for trial, (first, second) in zip(trials, self._rows, strict=True):
            copied_share = CopiedShare(trial.example.prompt)
            words = np.array([len(text.split()) for text in trial.candidates], dtype=np.float64)
            copied = np.array([copied_share(shape_tokens(text)) for text in trial.candidates], dtype=np.float64)
            self._more["longer"].append(words[first] - words[second])
            self._more["copied"].append(copied[first] - copied[second])

    def _margins(self, one: TrialScores) -> list[FloatArray]:
        return [
            _sign(scores[first], scores[second])
            for scores, (first, second) in zip(one.candidates, self._rows, strict=True)
        ]

    def share(self, one: TrialScores, by: str) -> FloatArray:  # T
        """Per prompt, the share of pairs in which the score prefers the longer or more copied candidate."""
        shares = (share_following(*both) for both in zip(self._margins(one), self._more[by], strict=True))
        return np.array([np.nan if share is None else share for share in shares])

    def follows_length(self, one: TrialScores) -> float | None:
        """The share of pairs in which the score prefers the longer text, over all pairs of candidates of all prompts
        and over all pairs of a good text and its damaged one."""
        margins, lengths = self._margins(one), list(self._more["longer"])
        for kind, damaged_words in self._damaged_words.items():
            margins.append(_sign(one.damaged[kind], one.intact))
            lengths.append(damaged_words - self._words)
        return share_following(np.concatenate(margins), np.concatenate(lengths))


def _headroom(
    trials: Sequence[Trial], scored: Sequence[TrialScores], sureness: Sureness
) -> dict[str, dict[str, object]]:
    """The lead of the best sample over the mean, and the part of it confirmed by the other half of the references.

    Confirmed: one half picks, the other scores the pick; the mean of both directions. None without samples.
    """
    rows = [row for row, trial in enumerate(trials) if trial.sampled and trial.halves is not None]
    if not rows:
        return {}
    clusters = prompt_clusters([trials[row].example.prompt for row in rows])
    found: dict[str, dict[str, object]] = {}
    for one in scored:
        halves = [one.halves[row] for row in rows]
        samples = [one.candidates[row] for row in rows]
        gains = {
            "own": [_best_over_mean(scores, scores) for scores in samples],
            "crossed": [(_best_over_mean(a, b) + _best_over_mean(b, a)) / 2 for a, b in halves],
            "alone": [(_best_over_mean(a, a) + _best_over_mean(b, b)) / 2 for a, b in halves],
        }
        everything = np.concatenate(samples)
        means = resampled_means(
            np.column_stack(list(gains.values())), clusters, resamples=sureness.resamples, seed=sureness.seed
        )
        spread = float(np.nanstd(everything))
        share = float(means.values[1] / means.values[2]) if means.values[2] > 0 else None
        found[one.name] = {
            "best_minus_mean": asdict(means.estimate(0, sureness.confidence)),
            "confirmed": asdict(means.estimate(1, sureness.confidence)),
            "confirmed_share": share,
            "in_spreads": float(means.values[1]) / spread if spread > 0 else None,
        }
    return found


def _best_over_mean(picks: FloatArray, scores: FloatArray) -> float:
    """The score of the candidate ranked first by `picks` (ties: their mean), minus the mean score."""
    if not np.isfinite(picks).all() or not np.isfinite(scores).all() or not len(picks):
        return float("nan")
    return float(scores[picks == picks.max()].mean() - scores.mean())
