"""Score pairs with all references, or with subsets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bleuberi.agreement.pairs import PreferencePair
from bleuberi.errors import UserError
from bleuberi.rewards import Reward, load_reward
from bleuberi.rewards.base import score_responses
from bleuberi.statistics import cluster_codes, prompt_clusters

FloatArray = NDArray[np.float64]

TIE_TOLERANCE = 1e-12  # smaller differences are rounding errors


@dataclass(frozen=True, slots=True)
class Scored:
    """One reward's, baseline's, column's or mix's scores of both responses of every pair; NaN if missing."""

    name: str
    kind: str  # reward | baseline | column | mix
    signature: str
    scores: FloatArray  # N x 2
    details: dict[str, object] = field(default_factory=dict)

    @property
    def margins(self) -> FloatArray:  # N
        """Score of response a minus score of b; exactly 0 for ties."""
        margin = self.scores[:, 0] - self.scores[:, 1]
        scale = np.maximum(1.0, np.abs(self.scores).max(axis=1, initial=0.0))
        return np.where(np.abs(margin) <= TIE_TOLERANCE * scale, 0.0, margin)


def named_rewards(asked: Sequence[str]) -> dict[str, Reward]:
    """The requested rewards, by name; several models of one kind are named by kind and the model's last part."""
    loaded = [load_reward(name) for name in asked]
    given = [reward.name for reward in loaded]
    names = [
        reward.name if given.count(reward.name) == 1 else f"{reward.name}:{_last_part(name)}"
        for name, reward in zip(asked, loaded, strict=True)
    ]
    if len(set(names)) < len(names):
        raise UserError(f"Duplicate rewards: {', '.join(asked)}.", "Give every reward once.")
    return dict(zip(names, loaded, strict=True))


def _last_part(name: str) -> str:
    """The last part of a model's path or name; the address of a judge is not part of its name."""
    return name.partition("@http")[0].rstrip("/").rpartition("/")[2]


def score_pairs(
    reward: Reward,
    pairs: Sequence[PreferencePair],  # N
    references: Sequence[Sequence[str]],  # N, each 1..K
    kind: str = "reward",
    name: str = "",
) -> Scored:
    """Score both responses of all pairs in one call."""
    return Scored(name or reward.name, kind, reward.signature(), _call(reward, pairs, references))


def column_scores(name: str, pairs: Sequence[PreferencePair]) -> Scored:
    """Precomputed scores from the rows."""
    rows = [[np.nan if score is None else score for score in pair.scores[name]] for pair in pairs]
    scores = np.asarray(rows, dtype=np.float64).reshape(len(pairs), 2)
    return Scored(name, "column", f"column|{name}_a,{name}_b|made-elsewhere", scores)


def agreement_of_margins(margins: FloatArray, people: FloatArray) -> FloatArray:  # N, N in {1, 0, -1} -> N
    """1 if the metric prefers the same response as people, 0 if the other, 0.5 if it ties; NaN if people tie."""
    outcome = 0.5 + 0.5 * np.sign(margins) * people
    return np.where((people == 0) | np.isnan(margins), np.nan, outcome)


def reference_orders(
    prompts: Sequence[str],  # N
    references: Sequence[Sequence[str]],  # N, all of the same length
    orders: int,
    seed: int,
) -> Iterator[list[list[str]]]:
    """Every pair's references in `orders` sampled orders; pairs of one prompt share orders.

    Orders are rotations of a random order, so that in K successive orders each of K references is first once.
    """
    if not references:
        return
    generator = np.random.default_rng(seed)
    codes, n_prompts = cluster_codes(prompts, len(prompts))
    count = len(references[0])
    shuffled = np.zeros((n_prompts, count), dtype=np.int64)
    for order in range(orders):
        if order % count == 0:
            shuffled = generator.random((n_prompts, count)).argsort(axis=1)
        turned = np.roll(shuffled, -(order % count), axis=1)[codes]
        yield [[texts[index] for index in row] for texts, row in zip(references, turned.tolist(), strict=True)]


def reference_curve(
    reward: Reward,
    pairs: Sequence[PreferencePair],  # N
    references: Sequence[Sequence[str]],  # N
    people: FloatArray,  # N
    *,
    longest: int,
    orders: int = 5,
    seed: int = 0,
) -> FloatArray:  # N x longest
    """Agreement per pair with 1..`longest` references: the mean over sampled orders of its references.

    Only pairs with at least `longest` references are used, at every number; other pairs are NaN.
    """
    enough = np.array([len(texts) >= longest for texts in references])
    inside = np.flatnonzero(enough)
    curve = np.full((len(pairs), longest), np.nan)
    few_pairs = [pairs[row] for row in inside]
    few_references = [references[row][:longest] for row in inside]
    total = np.zeros((len(inside), longest))
    prompts = prompt_clusters([pair.asked for pair in few_pairs])
    for ordered in reference_orders(prompts, few_references, orders, seed):
        for count in range(1, longest):
            scores = _call(reward, few_pairs, [texts[:count] for texts in ordered])
            margins = Scored(reward.name, "reward", "", scores).margins
            total[:, count - 1] += agreement_of_margins(margins, people[inside])
    total /= orders
    margins = Scored(reward.name, "reward", "", _call(reward, few_pairs, few_references)).margins
    total[:, longest - 1] = agreement_of_margins(margins, people[inside])  # all orders end with the same set
    curve[inside] = total
    return curve


def _call(reward: Reward, pairs: Sequence[PreferencePair], references: Sequence[Sequence[str]]) -> FloatArray:
    prompts = [pair.prompt for pair in pairs]
    given = score_responses(
        reward,
        prompts=prompts + prompts,
        responses=[pair.response_a for pair in pairs] + [pair.response_b for pair in pairs],
        references=[*references, *references],
    )
    scores = np.asarray([np.nan if score is None else score for score in given], dtype=np.float64)
    return scores.reshape(2, len(pairs)).T
