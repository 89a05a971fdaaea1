"""The measures of a response: the rewards asked for, the facts it mentions, BLEU's factors, its words, its copying.

The factors multiply to BLEU, row by row: the geometric mean of the four smoothed precisions, times the brevity penalty.
A model can gain BLEU by either, and they show which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from bleuberi.cluster import ClusterOptions
from bleuberi.data.facts_truth import share_mentioned
from bleuberi.errors import UserError
from bleuberi.evaluation.models import Primary
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.base import TextReward, score_responses
from bleuberi.rewards.baselines import BrevityPenaltyAlone
from bleuberi.rewards.bleu_python import MAX_ORDER, clipped, compile_references, ngrams, precisions
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.rewards.text_shape import text_shapes
from bleuberi.rewards.tokens import tokenize_13a

Role = Literal["score", "part", "length", "copying"]

BLEU: Final = "bleu"
WORDS: Final = "words"
COPIED: Final = "copied"
FACTS: Final = "facts"
_FAMILIES: Final = (
    ("bleu_rm", "overlap+model"),
    ("bleu", "overlap"),
    ("rouge", "overlap"),
    ("chrf", "overlap"),
    ("meteor", "stems"),
    ("emb", "encoder"),
    ("bertscore", "encoder"),
    ("rm", "model"),
    (FACTS, "truth"),
)
"""How a name begins -> the family of the score; the first that fits counts."""


class Words(TextReward):
    """How many words an answer has, counted between spaces."""

    name = WORDS
    needs_references = False

    def signature(self) -> str:
        return "words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class Copied(TextReward):
    """The share of a response's 4-grams that stand in its prompt, as the training monitor counts it."""

    name = COPIED
    needs_references = False
    needs_prompts = True

    def signature(self) -> str:
        return "copied|order:4|tok:13a|case:lower|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        return [copied for _, copied in text_shapes(prompts, responses)]


class FactsMentioned:
    """The share of a row's facts (`x_facts`) that its response mentions; None for a row without facts."""

    name = FACTS
    needs_references = False

    def __init__(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        """`facts`: by row id."""
        self._facts = facts

    def signature(self) -> str:
        return "facts|share mentioned|v:1"

    def score_examples(self, examples: Sequence[Example], responses: Sequence[str]) -> list[float | None]:
        return [
            share_mentioned(self._facts.get(row.id, {}), text) for row, text in zip(examples, responses, strict=True)
        ]


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
    reward: Reward | FactsMentioned
    role: Role

    @property
    def better(self) -> str | None:
        """Which way is better, if there is one: more words or more copying are neither."""
        return "higher" if self.role in ("score", "part") else None

    @property
    def family(self) -> str:
        """Scores of one family rise together: a score is no second opinion on a sibling."""
        return family_of(self.name) if self.role == "score" else self.role


def family_of(score: str) -> str:
    """The family of a reward by its name or signature; a reward of one's own is a family of its own."""
    name = score.partition("|")[0].removeprefix("answer:")
    return next((family for beginning, family in _FAMILIES if name.startswith(beginning)), name)


def measures(metrics: Sequence[str], cluster: ClusterOptions | None = None) -> list[Measure]:
    """The rewards of those names, BLEU's factors if it is among them, words and copying. `facts` knows none yet.

    `cluster`: whose workers compute the rewards; this process if it is None. Errors: `UserError`.
    """
    asked = [FactsMentioned({}) if name == FACTS else load_reward_on(name, cluster) for name in dict.fromkeys(metrics)]
    chosen = [Measure(reward.name, reward, "score") for reward in asked]
    if any(reward.name == BLEU for reward in asked):
        parts: list[TextReward] = [BrevityPenaltyAlone(), *(BleuPrecision(n) for n in range(1, MAX_ORDER + 1))]
        chosen += [Measure(part.name, part, "part") for part in parts]
    chosen += [Measure(WORDS, Words(), "length"), Measure(COPIED, Copied(), "copying")]
    names = [measure.name for measure in chosen]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"Two metrics are called {twice}.", "Name each metric once with --metrics.")
    return chosen


def with_facts(chosen: Sequence[Measure], facts: Mapping[str, Mapping[str, str]]) -> list[Measure]:
    """The measures with `facts` (by row id): in its place if it was asked for, else the last score if there is one.

    Errors: `UserError` if it was asked for and no row has facts.
    """
    measure = Measure(FACTS, FactsMentioned(facts), "score")
    if any(one.name == FACTS for one in chosen):
        if not facts:
            raise UserError(
                "--metrics asks for facts, but no prompt has any (a column x_facts).",
                "Leave it out, or give a pool with facts, e.g. of bleuberi data generate.",
            )
        return [measure if one.name == FACTS else one for one in chosen]
    scores = [one for one in chosen if one.role == "score"]
    return [*scores, *([measure] if facts and scores else []), *(one for one in chosen if one.role != "score")]


def primary_first(chosen: Sequence[Measure], primary: Primary | None) -> list[Measure]:
    """The measures with that of the primary comparison first: verdicts and tables are about the first one."""
    return sorted(chosen, key=lambda one: primary is None or one.name != primary.metric)


def score_answers(
    chosen: Sequence[Measure],
    examples: Sequence[Example],  # N
    texts: Sequence[str],  # N, the responses of one model
) -> dict[str, list[float | None]]:  # by metric, N
    """One number per response and metric; None if none can be given."""
    return {measure.name: _scores(measure, examples, texts) for measure in chosen}


def _scores(measure: Measure, examples: Sequence[Example], texts: Sequence[str]) -> list[float | None]:
    if isinstance(measure.reward, FactsMentioned):
        return measure.reward.score_examples(examples, texts)
    return score_responses(
        measure.reward,
        prompts=[row.prompt for row in examples],
        responses=texts,
        references=[row.references for row in examples],
    )
