"""The parts of `agreement.json` that the report shows. Files may lack the fields that accept None or have a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bleuberi.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """`other - base`, with the p value corrected for all comparisons."""

    base: str
    other: str
    difference: Estimate
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Quarter:
    """Agreement on the pairs in one quarter of a score's margins."""

    agreement: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A score and how it was made."""

    name: str
    kind: str  # reward, column, mix or baseline
    signature: str = ""
    prefers_longer: float | None  # share of pairs
    margin_quarters: tuple[Quarter, ...] = ()  # the smallest margins first


@dataclass(frozen=True, slots=True)
class PairCounts:
    """The counts that a report shows, in this order."""

    decisive_pairs: int
    prompts: int
    ties_of_people: int


@dataclass(frozen=True, slots=True)
class Subsets:
    """Agreement on subsets of the pairs."""

    length_matched: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsScore(Score):
    """A score's agreement with people."""

    agreement: Estimate | None
    balanced: Estimate | None  # length-balanced
    agreement_with_ties: Estimate | None
    metric_ties: int
    subsets: Subsets
    sources: Mapping[str, Estimate | None] = field(default_factory=dict)

    @property
    def on_pairs(self) -> tuple[Estimate | None, Estimate | None]:
        """Plain and length-balanced agreement."""
        return self.agreement, self.balanced


@dataclass(frozen=True, slots=True)
class Annotators:
    """How often an annotator votes as the majority of the others does; None if no pair has two votes."""

    with_others: Estimate | None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A reward's agreement with a given number of references."""

    reward: str
    references: int
    agreement: Estimate | None
    more_than_with_one: Estimate | None


@dataclass(frozen=True, slots=True)
class Figure1Entry:
    """A share of the paper's Figure 1, and the percentage that the paper published."""

    score: str
    references: int | None
    same_winner: Estimate
    paper: float | None


@dataclass(frozen=True, slots=True)
class JudgePoint:
    """Agreement after a given number of questions to the judge."""

    share: float  # of the pairs
    questions: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class JudgedPart:
    """The judged pairs and the agreement they add."""

    curve: tuple[JudgePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemCounts:
    """The counts that a report shows, in this order."""

    systems: int
    prompts: int
    answers: int


@dataclass(frozen=True, slots=True)
class Correlations:
    """One correlation with two bootstrap intervals: that of `systems` resamples the models, that of `both` resamples
    prompts and models."""

    systems: Estimate | None
    both: Estimate


@dataclass(frozen=True, slots=True)
class Permutations:
    """The p value of a permutation test; None if it was not computed."""

    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemsScore(Score):
    """How a score ranks models, and its agreement with the judge of single answers."""

    spearman: Correlations
    kendall: Correlations
    follows_label: Permutations = field(default_factory=Permutations)
    spearman_minus_length: Estimate | None
    answer_pairs: Estimate | None
    answer_pairs_balanced: Estimate | None

    @property
    def on_pairs(self) -> tuple[Estimate | None, Estimate | None]:
        """Plain and length-balanced agreement."""
        return self.answer_pairs, self.answer_pairs_balanced


@dataclass(frozen=True, slots=True)
class RankedModel:
    """A model's label and its mean scores."""

    name: str
    label: float
    means: Mapping[str, Estimate | None]


@dataclass(frozen=True, slots=True)
class Pick:
    """Mean label and words of the answer that a score picks from n."""

    reward: str
    n: int
    label: Estimate
    words: Estimate


@dataclass(frozen=True, slots=True)
class Turn:
    """The n with the highest label, and whether the label falls for larger n."""

    peak: int
    turned: bool


@dataclass(frozen=True, slots=True)
class BestOfN:
    """The picks of every score by n, and the n from which each one's label falls; empty without judged answers."""

    prompts: int = 0
    curves: tuple[Pick, ...] = ()
    turns: Mapping[str, Turn] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """The difference of two models' mean scores, `higher - lower`."""

    lower: str
    higher: str
    difference: Estimate


@dataclass(frozen=True, slots=True)
class ExpectedOrder:
    """An expected order of models, lowest first."""

    reward: str
    steps: tuple[Step, ...]
    share_of_resamples: float  # in which the whole order holds


@dataclass(frozen=True, slots=True)
class ReferenceCounts:
    """The counts that a report shows, in this order."""

    prompts: int
    references: int
    samples: int


@dataclass(frozen=True, slots=True)
class Damaged:
    """How often the score falls if one kind of damage is planted."""

    falls: Estimate | None


@dataclass(frozen=True, slots=True)
class SampleGain:
    """By how many standard deviations the best sample exceeds the mean, and the share of this that both halves of the
    references confirm."""

    in_spreads: float | None = None
    confirmed_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencesScore(Score):
    """A score's reactions to damage, length and copying."""

    sees: Estimate | None
    damage: Mapping[str, Damaged]
    longer: Estimate | None
    copied: Estimate | None
    halves: Estimate | None
    headroom: SampleGain = field(default_factory=SampleGain)
