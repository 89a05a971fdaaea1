"""The measures of a response: requested rewards, mentioned facts, BLEU's factors, words, copying.

The factors multiply to BLEU in every row: the geometric mean of the four smoothed precisions, times the brevity
penalty. A model can gain BLEU through either, and the factors show which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from bleuberi.cluster.options import ClusterOptions
from bleuberi.data.facts_truth import share_mentioned
from bleuberi.errors import UserError
from bleuberi.evaluation.models import Primary
from bleuberi.evaluation.number_file import Column, NumberFile
from bleuberi.records import Example
from bleuberi.rewards import Reward
from bleuberi.rewards.base import TextReward, score_responses, traits_of
from bleuberi.rewards.baselines import BrevityPenaltyAlone
from bleuberi.rewards.bleu_python import MAX_ORDER, PART_SHIFT
from bleuberi.rewards.cached import PartScorer
from bleuberi.rewards.on_cluster import load_reward_on
from bleuberi.rewards.references import BLEU as BLEU_METRIC
from bleuberi.rewards.scoring import score
from bleuberi.rewards.text_shape import CopiedShare, shape_tokens

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
    ("judge", "judge"),
    (FACTS, "truth"),
)
"""How a name begins -> the family of the score; the first that fits counts."""
_OF_MODELS: Final = frozenset({"overlap+model", "encoder", "model"})
_ROWS_AT_ONCE: Final = 1024
_SHARES: Final = frozenset({"bleu", "rouge", "chrf", "meteor", "bleu_rouge_f1", "format", "length", FACTS})
"""How the signatures of scores between 0 and 1 begin."""


class Words(TextReward):
    """The number of words in a response, separated by spaces."""

    name = WORDS
    needs_references = False

    def signature(self) -> str:
        return "words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class Copied(TextReward):
    """The share of a response's 4-grams that also occur in its prompt, as the training monitor counts it."""

    name = COPIED
    needs_references = False
    needs_prompts = True

    def signature(self) -> str:
        return "copied|order:4|tok:13a|case:lower|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        asked = zip(prompts, responses, strict=True)
        return [CopiedShare(prompt)(shape_tokens(response)) for prompt, response in asked]


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
        return score(BLEU_METRIC, responses, references, self.order << PART_SHIFT)


class Measure(NamedTuple):
    """A reward or a count, and its role in the comparison."""

    name: str
    reward: Reward | FactsMentioned
    role: Role

    @property
    def better(self) -> str | None:
        """`higher` if higher is better; None if neither direction is, as for words or copying."""
        return "higher" if self.role in ("score", "part") else None

    @property
    def is_share(self) -> bool:
        """Whether its numbers lie between 0 and 1."""
        return self.role in ("part", "copying") or self.reward.signature().partition("|")[0] in _SHARES

    @property
    def family(self) -> str:
        """The family of the score. Scores of one family rise together, so they are not independent evidence."""
        return family_of(self.name) if self.role == "score" else self.role


def family_of(score: str) -> str:
    """The family of a reward by its name or signature; a reward of one's own is a family of its own."""
    name = score.partition("|")[0].removeprefix("answer:")
    return next((family for beginning, family in _FAMILIES if name.startswith(beginning)), name)


def measures(metrics: Sequence[str], cluster: ClusterOptions | None = None) -> list[Measure]:
    """The rewards with those names, BLEU's factors if it is among them, words and copying. `facts` has no facts yet
    (`with_facts`).

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
        raise UserError(f"Duplicate metric name {twice}.", "Give each metric once in --metrics.")
    return chosen


def with_facts(chosen: Sequence[Measure], facts: Mapping[str, Mapping[str, str]]) -> list[Measure]:
    """Add `facts` (by row id) to the measures: in its requested place, else as the last score if any row has facts.

    Errors: `UserError` if it was requested and no row has facts.
    """
    measure = Measure(FACTS, FactsMentioned(facts), "score")
    if any(one.name == FACTS for one in chosen):
        if not facts:
            raise UserError(
                "--metrics asks for facts, but no prompt has any (a column x_facts).",
                "Omit it, or give a pool with facts, e.g. of bleuberi data generate.",
            )
        return [measure if one.name == FACTS else one for one in chosen]
    scores = [one for one in chosen if one.role == "score"]
    return [*scores, *([measure] if facts and scores else []), *(one for one in chosen if one.role != "score")]


def primary_first(chosen: Sequence[Measure], primary: Primary | None) -> list[Measure]:
    """Move the primary comparison's measure to the front: verdicts and tables use the first one."""
    return sorted(chosen, key=lambda one: primary is None or one.name != primary.metric)


def score_answers(
    chosen: Sequence[Measure],
    examples: Sequence[Example],  # N
    texts: Sequence[str],  # N, the responses of one model
) -> dict[str, list[float | None]]:  # by metric, N
    """One number per response, by metric; None if a response cannot be scored."""
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


def score_columns(
    chosen: Sequence[Measure],
    examples: Sequence[Example],  # N
    texts: Sequence[str],  # N, the responses of one model
    file: NumberFile,
) -> dict[str, Column]:  # by metric, N
    """The same as `score_answers`, with the numbers in a file, and the texts of a part of the rows in memory.

    Rewards with a model, of all rows together, on a cluster, or of the user's own form get all texts at once.
    """
    columns = {measure.name: file.column(len(examples)) for measure in chosen}
    by_parts = [measure for measure in chosen if _scores_by_parts(measure.reward)]
    for start in range(0, len(examples), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        for name, values in score_answers(by_parts, examples[rows], texts[rows]).items():
            columns[name].write(start, values)
    if len(by_parts) < len(chosen):
        whole = [measure for measure in chosen if measure not in by_parts]
        for name, values in score_answers(whole, list(examples), list(texts)).items():
            columns[name].write(0, values)
    return columns


def _scores_by_parts(reward: Reward | FactsMentioned) -> bool:
    """Whether a row's score does not depend on the rows that are scored with it. Models batch rows by length, which
    changes last digits."""
    if isinstance(reward, FactsMentioned):
        return True
    alone = isinstance(reward, TextReward) and not isinstance(reward, PartScorer)
    return alone and not traits_of(reward).over_whole_pool and family_of(reward.name) not in _OF_MODELS
