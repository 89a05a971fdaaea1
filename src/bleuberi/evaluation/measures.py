"""What an answer is measured by: the rewards asked for, BLEU's factors, and its words. Knows texts; knows no models.

The factors multiply to BLEU, row by row: the geometric mean of the four smoothed precisions, times the brevity penalty.
A model can gain BLEU by either, and they say which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from bleuberi.cluster import ClusterOptions
from bleuberi.errors import UserError
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.base import TextReward, score_responses
from bleuberi.rewards.baselines import BrevityPenaltyAlone
from bleuberi.rewards.bleu_python import MAX_ORDER, clipped, compile_references, ngrams, precisions
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.rewards.tokens import tokenize_13a

Role = Literal["score", "part", "length"]

BLEU: Final = "bleu"
WORDS: Final = "words"


class Words(TextReward):
    """How many words an answer has, counted between spaces."""

    name = WORDS
    needs_references = False

    def signature(self) -> str:
        return "words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class BleuPrecision(TextReward):
    """BLEU's precision of one n-gram order, smoothed as BLEU smooths it; 0.0 for an answer without tokens."""

    def __init__(self, order: int) -> None:
        self.order = order
        self.name = f"precision_{order}"

    def signature(self) -> str:
        return f"precision_{self.order}|tok:13a|smooth:add1-all|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [self._precision(response, texts) for response, texts in zip(responses, references, strict=True)]

    def _precision(self, response: str, texts: Sequence[str]) -> float | None:
        compiled = compile_references(texts)
        if not any(compiled.lengths):
            return None
        tokens = tokenize_13a(response)
        if not tokens:
            return 0.0
        limit = compiled.limits[self.order - 1]
        matches = [0] * MAX_ORDER
        matches[self.order - 1] = clipped(Counter(filter(limit.__contains__, ngrams(tokens, self.order))), limit)
        return precisions(matches, len(tokens), 0)[self.order - 1]


class Measure(NamedTuple):
    """A reward or a count, and what its number is good for."""

    name: str
    reward: Reward
    role: Role

    @property
    def better(self) -> str | None:
        """Which way is better, where there is one: more words are neither."""
        return None if self.role == "length" else "higher"


def measures(metrics: Sequence[str], cluster: ClusterOptions | None = None) -> list[Measure]:
    """The rewards of those names, BLEU's factors where it is among them, and words.

    `cluster`: whose workers compute the rewards; this process where it is None. Errors: `UserError`.
    """
    asked = [load_reward_on(name, cluster) for name in dict.fromkeys(metrics)]
    chosen = [Measure(reward.name, reward, "score") for reward in asked]
    if any(reward.name == BLEU for reward in asked):
        parts: list[TextReward] = [BrevityPenaltyAlone(), *(BleuPrecision(n) for n in range(1, MAX_ORDER + 1))]
        chosen += [Measure(part.name, part, "part") for part in parts]
    chosen.append(Measure(WORDS, Words(), "length"))
    names = [measure.name for measure in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"Two metrics are called {twice}.", "Name each metric once with --metrics.")
    return chosen


def score_answers(
    chosen: Sequence[Measure],
    examples: Sequence[Example],  # N
    texts: Sequence[str],  # N, the answers of one model
) -> dict[str, list[float | None]]:  # by metric, N
    """One number an answer and metric; None where none can be given."""
    return {
        measure.name: score_responses(
            measure.reward,
            prompts=[row.prompt for row in examples],
            responses=texts,
            references=[row.references for row in examples],
        )
        for measure in chosen
    }
