"""The record of an evaluation, as `evaluation.json` stores it. Files of earlier versions may lack the fields that have
defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from bleuberi.artifacts import make_manifest, read_record
from bleuberi.errors import UserError
from bleuberi.records import Tally, to_json
from bleuberi.statistics import Difference, Estimate

RESULT: Final = "evaluation.json"

Means = Mapping[str, Estimate]  # by metric
Pair = tuple[str, str]  # base, other: the difference is `other - base`
Differences = Mapping[str, Difference]  # by metric: scores, lengths and BLEU's factors


@dataclass(frozen=True, slots=True)
class Primary:
    """The comparison that has the level of 5 % to itself."""

    other: str
    base: str
    metric: str | None
    declared: bool


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured quantity and its role."""

    name: str
    signature: str
    role: str = "score"  # or part (a factor of a score), or length
    family: str | None = None
    better: str | None = "higher"
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """One model, e.g. one seed of a group."""

    name: str
    group: str
    seed: str | None
    model: str
    responses: Mapping[str, Any] | None
    revision: str
    tokenizer: str | None
    training: Mapping[str, Any] | None
    mean: Means
    difference: Differences | None  # to the base
    mean_words: float
    cut_share: float | None
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMeans:
    """Seeds of one training, or a single model."""

    name: str
    members: tuple[str, ...]
    role: str
    label: str
    placebo: bool = False
    trained_on: tuple[str, ...] = ()  # families of scores
    mean: Means


@dataclass(frozen=True, slots=True)
class Compared:
    """`other - base` by metric."""

    base: str
    other: str
    difference: Differences


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlResult:
    """A cheap explanation of a group's gain: its means, and what the group (`other`) gains over it.

    `reason` says why it was not computed. `shortened`: of `cut`, the share of the base's responses that lost words.
    """

    name: str = "cut"
    base: str
    other: str
    computed: bool = True
    reason: str | None = None
    how: str = ""
    mean: Means | None = None
    difference: Differences | None = None
    shortened: float | None = None
    mean_words: float | None = None
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Copied:
    """The share of 4-grams that references copy from the prompt."""

    metric: str
    references: Estimate | None


@dataclass(frozen=True, slots=True)
class Copying:
    """A group's copied share, the references' own, and their difference by prompt."""

    own: float
    references: float
    difference: Difference


@dataclass(frozen=True, slots=True)
class Halves:
    """A gain over the base on two halves of the prompts: references that copy more than the median from the prompt, and
    the rest."""

    median: float
    above: Difference | None
    below: Difference | None


@dataclass(frozen=True, slots=True)
class Gain:
    """How a group's gain over the base is distributed over the prompts."""

    metric: str
    base: str
    other: str
    total: float
    prompts: int
    top10_share: float | None  # of the ten largest prompts
    without_extremes: float | None  # mean per prompt
    by_overlap: Halves | None
    copying: Copying | None


@dataclass(frozen=True, slots=True)
class WonLost:
    """The mean number of words of the responses that the judge preferred, and of the responses that lost to them."""

    winner: float
    loser: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's verdicts on one pair of groups. `longer_won`: share of the decided comparisons of unequal length that
    the longer response won. `first_place`: share of the inconsistent ones in which the response shown first won both
    times."""

    base: str
    other: str
    members: tuple[tuple[str, ...], ...]
    prompts: int
    counts: Mapping[str, int]
    win_rate: Estimate | None
    mean_words: WonLost | None
    longer_won: float | None
    first_place: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResult:
    """The judge's settings and prompt, and its verdicts on each pair of groups."""

    settings: Mapping[str, Any]
    signature: str
    prompt: Any = None
    pairs: tuple[Judged, ...]

    @property
    def model(self) -> str:
        return str(self.settings.get("model", ""))


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One group's row in the table of trainings."""

    role: str
    group: str
    label: str
    mean: Means
    difference: Differences | None
    data: str | None
    steps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and its answer (`verdict.YES` and others)."""

    question: str
    answer: str
    sentence: str
    metric: str
    base: str
    other: str
    primary: bool = False
    p_corrected: float | None = None
    difference: Difference


@dataclass(frozen=True, slots=True)
class Verdict:
    """All questions, the primary one first, and sentences on what differs between trainings."""

    table: tuple[VerdictRow, ...]
    questions: tuple[Question, ...]
    unequal: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRecord:
    """`evaluation.json`."""

    config: Mapping[str, Any]
    base: str
    primary: Primary | None
    prompts: int
    hub_dataset: Mapping[str, str] | None
    rows: Tally | None
    metrics: tuple[Metric, ...] = ()
    signatures: Mapping[str, str]  # by metric, the main one first
    models: tuple[Model, ...]
    groups: tuple[GroupMeans, ...]  # the base first
    comparisons: tuple[Compared, ...] = ()  # every two groups
    controls: tuple[ControlResult, ...] = ()
    copied: Copied | None
    gain: tuple[Gain, ...] = ()  # of each group but the base
    untrained: tuple[str, ...] = ()  # scores that no training was rewarded with
    judge: JudgeResult | None
    verdict: Verdict | None
    warnings: tuple[str, ...] = ()
    retention: Mapping[str, Any] = field(default_factory=dict)
    created: str = ""  # ISO 8601; set when it is written

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Errors: `UserError` if the folder has no evaluation, or a damaged one."""
        found = read_record(cls, folder / RESULT)
        if found is None:
            raise UserError(f"{folder} has no {RESULT}.", "Give a folder that bleuberi evaluate wrote.")
        return found

    def document(self) -> dict[str, Any]:
        """The content of `evaluation.json`."""
        facts = to_json(self)
        settings = facts.pop("config")
        if not self.retention:
            del facts["retention"]
        return make_manifest("evaluation", settings, **facts)

    @property
    def questions(self) -> tuple[Question, ...]:
        return self.verdict.questions if self.verdict is not None else ()

    def between(self) -> dict[Pair, Differences]:
        """Differences of every two groups, both ways."""
        found: dict[Pair, Differences] = {}
        for one in self.comparisons:
            found[one.base, one.other] = one.difference
            found[one.other, one.base] = {name: value.turned() for name, value in one.difference.items()}
        return found
