"""Score rows on the workers of a Ray cluster.

Scores are identical to those of one process: the same code scores the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from bleuberi.cluster.mapping import map_units
from bleuberi.cluster.options import ClusterOptions
from bleuberi.cluster.workers import plan_workers
from bleuberi.errors import UserError
from bleuberi.rewards import WITH_MODEL, Reward, load_reward
from bleuberi.rewards.base import Scores, TextReward, traits_of
from bleuberi.rewards.bleu_rm import BleuRm
from bleuberi.rewards.cached import ROWS_A_TRANSACTION

_TEXT_ROWS_A_PART: Final = 2048  # BLEU and ROUGE-L score these in a fraction of a second


def load_reward_on(metric: str, cluster: ClusterOptions | None) -> Reward:
    """The reward of that name, scored by the cluster's workers as in `spread`."""
    return spread(load_reward(metric), metric, cluster)


def spread(reward: Reward, metric: str, cluster: ClusterOptions | None) -> Reward:
    """Make the cluster's workers compute the scores of `reward`, whose name is `metric`; this process if `cluster` is
    None.

    Your own reward that is not a `TextReward` is also scored by this process.
    """
    if cluster is None or not isinstance(reward, TextReward):
        return reward
    if isinstance(reward, BleuRm):  # its mean needs the whole pool, so only its model is distributed
        return BleuRm(ClusterReward(metric.replace("bleu_rm", "rm", 1), cluster, reward.parts[1]))
    return reward if traits_of(reward).over_whole_pool else ClusterReward(metric, cluster, reward)


class _Part(NamedTuple):
    """Some rows of a pool."""

    rows: range
    prompts: Sequence[str]
    responses: Sequence[str]
    references: Sequence[Sequence[str]]


class ClusterReward(TextReward):
    """A named reward that is computed on a cluster."""

    def __init__(self, metric: str, cluster: ClusterOptions, reward: TextReward) -> None:
        self._metric, self._cluster, self._reward, self.name = metric, cluster, reward, reward.name
        self.needs_references, self.needs_prompts = reward.needs_references, reward.needs_prompts

    def signature(self) -> str:
        return self._reward.signature()

    def blind_to(self, text: str) -> bool:
        return self._reward.blind_to(text)

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        scores: Scores = [None] * len(responses)
        for rows, values in self.score_parts(prompts, responses, references):
            scores[rows.start : rows.stop] = values
        return scores

    def score_parts(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Iterator[tuple[range, Scores]]:
        """The same as in `rewards.cached.PartScorer`. Errors: `UserError`, also if a worker has a different model of
        that name."""
        if not responses:
            return
        with_model = self.name in WITH_MODEL
        size = ROWS_A_TRANSACTION if with_model else _TEXT_ROWS_A_PART
        parts = (
            _Part(rows, prompts[rows.start : rows.stop], responses[rows.start : rows.stop],
                  references[rows.start : rows.stop])
            for rows in (range(start, min(start + size, len(responses))) for start in range(0, len(responses), size))
        )  # fmt: skip
        here = with_model and "://" not in self._metric  # a URL means that a server runs the model
        workers = plan_workers(self._cluster, gpus_needed=1 if here else 0)
        for part, scores in map_units(_ScoreWork(self._metric, self.signature()), parts, workers):
            yield part.rows, scores


@dataclass(frozen=True, slots=True)
class _ScoreWork:
    """The job sent to the workers. Calling it loads the reward."""

    metric: str
    signature: str

    def __call__(self) -> Callable[[_Part], Scores]:
        reward = load_reward(self.metric)
        if not isinstance(reward, TextReward) or reward.signature() != self.signature:
            raise UserError(
                f"A Ray worker scores {self.metric} with different settings or weights: {reward.signature()}.",
                "Install the same version of bleuberi on every machine, and put the same model at the same path.",
            )
        return lambda part: reward.score_rows(part.prompts, part.responses, part.references)
