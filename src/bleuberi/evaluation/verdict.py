"""The questions that an evaluation answers, each in a sentence that claims no more than the numbers allow.

One question is primary and has the level of 5 % to itself; all others share 5 % (Holm 1979). Runs that were trained on
other data, with other steps or from other models are "not comparable": their difference is not that of the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Final, NamedTuple

from bleuberi.errors import UserError
from bleuberi.evaluation.control_sentences import control_sentences, gain_sentences
from bleuberi.evaluation.model_facts import TrainingFacts, same_model
from bleuberi.evaluation.record import ControlResult, Differences, Gain, Pair, Question, Verdict
from bleuberi.rewards import REWARDS, WITH_MODEL, Bleu, load_reward, reward_name
from bleuberi.statistics import Difference, Estimate, holm
from bleuberi.statistics.comparison_of_runs import FEW_PROMPTS, FEWEST_DIFFERING, FEWEST_PROMPTS, ONE_RUN
from bleuberi.statistics.shown import difference, finite, number, p_words, percent, side

YES: Final = "yes"
NO: Final = "no"
OPEN: Final = "not told apart"
UNLIKE: Final = "not comparable"
ONE: Final = "one training run"
FEW: Final = "too few prompts"
LEVEL: Final = 0.05
ROLE_BASE, ROLE_OTHER = "base", "not trained here"
WORTH, REWARD, BETTER, DECLARED = "worth", "reward", "better", "declared"


class TrainedGroup(NamedTuple):
    """A group and how its members were trained (None: not by this tool)."""

    name: str
    facts: TrainingFacts | None

    @property
    def role(self) -> str:
        if self.facts is None:
            return ROLE_OTHER
        if self.facts.method != "grpo":
            return self.facts.method
        # A repaired BLEU, or one on answers between tags, is another reward.
        return "grpo_bleu" if self.facts.rewards == (Bleu().signature(),) else "grpo_other"

    @property
    def label(self) -> str:
        return self.facts.label if self.facts is not None else self.name


class Asked(NamedTuple):
    """A question: whether `other` is better than `base`."""

    kind: str
    base: TrainedGroup
    other: TrainedGroup
    primary: bool = False

    @property
    def pair(self) -> Pair:
        return self.base.name, self.other.name

    @property
    def words(self) -> str:
        base, other = self.pair
        if self.kind == WORTH:
            return f"Was RL ({other}) worth it over SFT ({base}) here?"
        if self.kind == REWARD:
            return f"Was the other reward ({other}) better than BLEU ({base})?"
        label = f" ({self.other.label})" if self.other.label != other else ""
        return f"Is {other}{label} better than {base}?"


def questions(base: TrainedGroup, groups: Sequence[TrainedGroup], primary: Pair | None = None) -> list[Asked]:
    """What is asked, the primary question first: by default the first group trained here against the base.

    `groups` are all but the base. Errors: `UserError` if `primary` names a group that is not there.
    """
    trained = [group for group in groups if group.facts is not None]
    asked = [
        Asked(WORTH, sft, grpo)
        for grpo, sft in product(trained, trained)
        if grpo.role.startswith("grpo") and sft.role == "sft"
    ]
    asked += [
        Asked(REWARD, plain, other)
        for plain, other in product(trained, trained)
        if plain.role == "grpo_bleu" and other.role == "grpo_other"
    ]
    asked += [Asked(BETTER, base, group) for group in groups]
    if not asked:
        return []
    chosen = primary or (base.name, (trained or list(groups))[0].name)
    by_name = {group.name: group for group in (base, *groups)}
    if chosen[0] == chosen[1] or not by_name.keys() >= set(chosen):
        raise UserError(
            f"The primary comparison {chosen[1]}:{chosen[0]} is not a pair of two of the groups.",
            f"Name two of: {', '.join(by_name)}.",
        )
    # The tests are two-sided, so a pair that is declared the other way round is the same question.
    same = [one for one in asked if set(one.pair) == set(chosen)]
    first = same[0] if same else Asked(DECLARED, by_name[chosen[0]], by_name[chosen[1]])
    return [first._replace(primary=True), *(one for one in asked if one not in same)]


def question_sizes(asked: Sequence[Asked], metric: str) -> dict[frozenset[str], dict[str, float]]:
    """The level of each question on the main metric, by its two groups: 5 % for the primary one, a share for others."""
    others = max(1, len(asked) - 1)
    return {frozenset(one.pair): {metric: LEVEL if one.primary else LEVEL / others} for one in asked}


def answer_to(estimate: Difference, p_corrected: float | None = None) -> str:
    """What an interval, and the p value if it was corrected, say."""
    if estimate.no_verdict is not None:
        return ONE if estimate.no_verdict == ONE_RUN else FEW
    if p_corrected is not None and p_corrected > LEVEL:
        return OPEN
    return (OPEN, YES, NO)[side(estimate)]


def verdict(
    asked: Sequence[Asked],
    metrics: Sequence[str],  # scores, the main one first
    differences: Mapping[Pair, Differences],
    controls: Sequence[ControlResult] = (),
    judged: Mapping[Pair, Estimate] | None = None,  # win rates
    gains: Sequence[Gain] = (),  # of each group over the base
) -> Verdict | None:
    """The questions and their answers; None if nothing is asked."""
    if not asked or not metrics:
        return None
    metric = metrics[0]
    corrected = _corrected(asked, metric, differences)
    by_group = {gain.other: gain for gain in gains}
    made = tuple(
        _answer(
            one, metrics, differences[one.pair], corrected, controls, (judged or {}).get(one.pair),
            by_group.get(one.other.name),
        )
        for one in asked
    )  # fmt: skip
    groups = {group.name: group for one in asked for group in (one.base, one.other) if group.facts is not None}
    unequal = tuple(
        sentence
        for left, right in combinations(groups.values(), 2)
        for part in unequal_trainings(left, right)
        for sentence in part
    )
    return Verdict((), made, unequal)


def _corrected(asked: Sequence[Asked], metric: str, differences: Mapping[Pair, Differences]) -> dict[Pair, float]:
    """Holm's p values of all questions but the primary one; with one such question its own."""
    p_values = {one.pair: differences[one.pair][metric].p_value for one in asked if not one.primary}
    told = {pair: p for pair, p in p_values.items() if p is not None}
    return dict(zip(told, holm(list(told.values())), strict=True))


def _answer(
    one: Asked,
    metrics: Sequence[str],
    by_metric: Differences,
    corrected: Mapping[Pair, float],
    controls: Sequence[ControlResult],
    win: Estimate | None,
    gain: Gain | None,
) -> Question:
    metric = metrics[0]
    estimate = by_metric[metric]
    p_corrected = None if one.primary else corrected.get(one.pair)
    found = answer_to(estimate, p_corrected)
    said = [_finding(one, metric, estimate, found, p_corrected, len(corrected))]
    said += _second_opinions(one.other, metrics, found, by_metric)
    if one.kind == BETTER:
        better = found == YES
        said += control_sentences(one.base.name, one.other.name, metric, controls, by_metric, better=better, gain=gain)
        said += gain_sentences(gain, estimate, better=better) if gain is not None else []
    if win is not None:
        said.append(f"The judge prefers {one.other.name} in {percent(win, 0)} of its consistent verdicts.")
    differs, unknown = ([], []) if one.kind == BETTER else unequal_trainings(one.base, one.other)
    if differs:
        said = [f"Not comparable as methods: {' '.join(differs)} The numbers still say:", *said]
    elif unknown:
        said.append(f"Note: {' '.join(unknown)}")
    return Question(
        question=one.words, answer=UNLIKE if differs else found, sentence=" ".join(said), metric=metric,
        base=one.base.name, other=one.other.name, primary=one.primary, p_corrected=p_corrected, difference=estimate,
    )  # fmt: skip


def _finding(one: Asked, metric: str, estimate: Difference, found: str, p_corrected: float | None, family: int) -> str:
    """The answer with its numbers: interval, prompts, runs, p value and the smallest difference it could have seen."""
    against = "" if one.kind == BETTER else f"{one.other.name} - {one.base.name}: "
    numbers = f"{against}{difference(estimate)} on {estimate.n_clusters:,} prompts"
    if found == ONE:
        spread = estimate.run_spread
        over = "over prompts alone" if spread is None else f"with a spread of {number(spread)} between runs"
        single = [group.name for group, runs in zip((one.base, one.other), estimate.runs, strict=True) if runs == 1]
        whose = "per side" if len(single) == 2 else f"of {single[0]}"
        return f"One training run {whose}: another seed may reverse this. {metric}: {numbers}, {over}."
    if found == FEW:
        why = (
            f"{estimate.n_clusters:,} prompts are fewer than {FEWEST_PROMPTS}"
            if estimate.no_verdict == FEW_PROMPTS
            else f"the two score differently on fewer than {FEWEST_DIFFERING} prompts"
        )
        return f"No verdict: {why}. {metric}: {numbers}."
    if estimate.runs:
        numbers += f" with {_sides(one, estimate.runs)}"
    p = estimate.p_value
    if p is not None:
        numbers += f", {p_words(p)}"
        if p_corrected is not None and family > 1:
            numbers += f" (corrected for {family} questions: {p_words(p_corrected)})"
    visible = finite(estimate.smallest_visible)
    seen = "" if visible is None else f" Smallest visible difference: {number(visible)} (80 % power)."
    if p is not None and visible is None:
        seen = " The runs differ so much that hardly any possible difference would be visible: add runs."
    return f"{_head(one, metric, found)}: {numbers}.{seen}"


def _sides(one: Asked, runs: Sequence[int]) -> str:
    """The runs of both sides. Where there is an answer, a side with one has no training run behind it."""
    sides = [
        f"{group.name} as one fixed model" if count == 1 else f"{count} runs of {group.name}"
        for group, count in zip((one.other, one.base), reversed(list(runs)), strict=True)
    ]
    return " and ".join(sides)


def _head(one: Asked, metric: str, found: str) -> str:
    base, other = one.base.label, one.other.label
    if found == OPEN:
        return f"Not told apart in {metric}, which is not the same as equal"
    if one.kind == BETTER:
        return f"Yes, in {metric}" if found == YES else f"No, it is worse in {metric}"
    return f"Yes, in {metric} {other} beats {base}" if found == YES else f"No, in {metric} {base} beats {other}"


def _measured_by(signature: str) -> set[str]:
    """Names of the metrics for this reward: its own, on tagged answers that of whole responses, and without options."""
    kind = signature.partition("|")[0]
    name = (reward_name(signature) or kind).removeprefix("answer:")
    base = name.partition(":")[0]
    return {load_reward(one).name for one in (name, base)} if base in REWARDS and base not in WITH_MODEL else {kind}


def _second_opinions(other: TrainedGroup, metrics: Sequence[str], found: str, by_metric: Differences) -> list[str]:
    """What the other scores say, each by its own interval."""
    metric = metrics[0]
    trained_on = {name for signature in (other.facts.paid if other.facts else ()) for name in _measured_by(signature)}
    said = []
    if metric in trained_on and found == YES:
        said.append(f"{metric} is also what {other.name} was trained on, so this shows that training worked, not that "
                    "people prefer its responses.")  # fmt: skip
    for name in metrics[1:]:
        own = answer_to(by_metric[name])
        agrees = ""
        if {found, own} <= {YES, NO, OPEN}:
            is_open = " does not tell them apart either" if found == OPEN else " does not tell them apart"
            agrees = is_open if own == OPEN else " agrees" if own == found else " says otherwise"
        if {found, own} == {YES, NO}:
            said.append(f"But it is {'worse' if own == NO else 'better'} in {name}: {difference(by_metric[name])}.")
        else:
            said.append(f"{name}{agrees}: {difference(by_metric[name])}.")
    return said


def unequal_trainings(left: TrainedGroup, right: TrainedGroup) -> tuple[list[str], list[str]]:
    """What differs between two trainings, and what is not known about them, as sentences."""
    first, second = left.facts, right.facts
    if first is None or second is None:
        return [], []
    differs: list[str] = []
    unknown: list[str] = []
    names = f"{left.name} and {right.name}"
    if first.prompts_sha256 is None or second.prompts_sha256 is None:
        unknown.append(f"{names}: whether they saw the same prompts is not known (a data set's folder is gone).")
    elif first.prompts_sha256 != second.prompts_sha256:
        differs.append(f"{names}: they were trained on different data.")
    if first.steps is None or second.steps is None:
        unknown.append(f"{names}: the steps of one are not known.")
    elif first.steps != second.steps:
        differs.append(f"{names}: {first.steps} and {second.steps} steps.")
    start = same_model(first.base_model, second.base_model) if second.base_model is not None else None
    if start is None:
        unknown.append(f"{names}: whether they started from the same model is not known.")
    elif not start:
        differs.append(f"{names}: they started from {first.base_model} and {second.base_model}.")
    return differs, unknown
