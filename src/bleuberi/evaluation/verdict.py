"""Was RL worth it over SFT here? Knows estimates and how models were trained; computes no number of its own.

An interval above zero is a yes, one below a no, one that has zero in it is "not told apart", which is not "equal". Runs
on other data, steps or starting models are "not comparable": their difference would not be that of the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import Any, Final, NamedTuple

from bleuberi.evaluation.model_facts import TrainingFacts, same_model
from bleuberi.rewards import Bleu

YES: Final = "yes"
NO: Final = "no"
OPEN: Final = "not told apart"
UNLIKE: Final = "not comparable"

EstimateJson = Mapping[str, Any]
ROLE_BASE, ROLE_OTHER = "base", "not trained here"


class TrainedGroup(NamedTuple):
    """A group and how its members were trained (None: not by this tool)."""

    name: str
    facts: TrainingFacts | None

    @property
    def role(self) -> str:
        if self.facts is None:
            return ROLE_OTHER
        if self.facts.method == "sft":
            return "sft"
        # A repaired BLEU, or one on answers between tags, is another reward.
        return "grpo_bleu" if self.facts.rewards == (Bleu().signature(),) else "grpo_other"

    @property
    def label(self) -> str:
        return self.facts.label if self.facts is not None else self.name


def answer_to(difference: EstimateJson) -> str:
    """What an interval says."""
    low, high = difference["low"], difference["high"]
    if low is not None and low > 0:
        return YES
    return NO if high is not None and high < 0 else OPEN


def interval_words(difference: EstimateJson) -> str:
    """E.g. `+0.021 [-0.004, +0.046]`."""
    low, high = (("unknown" if bound is None else f"{bound:+.3f}") for bound in (difference["low"], difference["high"]))
    return f"{difference['value']:+.3f} [{low}, {high}]"


def unequal_trainings(left: TrainedGroup, right: TrainedGroup) -> tuple[list[str], list[str]]:
    """What differs between two trainings, and what is not known of them, as sentences."""
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


def verdict(
    base: str,
    groups: Sequence[TrainedGroup],  # without the base
    metric: str,
    difference: Mapping[tuple[str, str], Mapping[str, EstimateJson]],  # (base, other) -> metric -> estimate
    control: Mapping[str, EstimateJson],  # by group: to the base cut to its lengths, on the main metric
    judged: Mapping[tuple[str, str], EstimateJson],  # (base, other) -> win rate
) -> dict[str, Any] | None:
    """The questions and their answers; None where nothing was trained by this tool."""
    trained = [group for group in groups if group.facts is not None]
    if not trained:
        return None
    questions = []
    for grpo, sft in product([group for group in trained if group.role != "sft"], trained):
        if sft.role == "sft":
            questions.append(_worth_it(grpo, sft, metric, difference[sft.name, grpo.name], judged))
    for plain, other in product(trained, trained):
        if plain.role == "grpo_bleu" and other.role == "grpo_other":
            questions.append(_other_reward(plain, other, metric, difference[plain.name, other.name]))
    questions += [_better_than_base(base, group, metric, difference[base, group.name], control) for group in trained]
    unequal = [
        sentence
        for left, right in combinations(trained, 2)
        for part in unequal_trainings(left, right)
        for sentence in part
    ]
    return {"questions": questions, "unequal": unequal}


def _worth_it(
    grpo: TrainedGroup,
    sft: TrainedGroup,
    metric: str,
    difference: Mapping[str, EstimateJson],
    judged: Mapping[tuple[str, str], EstimateJson],
) -> dict[str, Any]:
    found = answer_to(difference[metric])
    number = f"{grpo.name} - {sft.name} in {metric}: {interval_words(difference[metric])}"
    said = {
        YES: f"Yes, in {metric}: {grpo.label} beats {sft.label} here ({number}).",
        NO: f"No: {sft.label} beats {grpo.label} here ({number}).",
        OPEN: f"Not told apart: {grpo.label} and {sft.label} may be equally good, or the prompts too few ({number}).",
    }[found]
    said += "".join(_second_opinions(grpo, metric, found, difference))
    win = judged.get((sft.name, grpo.name))
    if win is not None:
        said += f" The judge prefers {grpo.name} in {_share(win)} of its consistent verdicts."
    return _question(f"Was RL ({grpo.name}) worth it over SFT ({sft.name}) here?", found, said, grpo, sft, metric,
                     difference[metric])  # fmt: skip


def _other_reward(
    plain: TrainedGroup, other: TrainedGroup, metric: str, difference: Mapping[str, EstimateJson]
) -> dict[str, Any]:
    found = answer_to(difference[metric])
    number = f"{other.name} - {plain.name} in {metric}: {interval_words(difference[metric])}"
    said = {
        YES: f"Yes, in {metric}: {other.label} beats {plain.label} ({number}).",
        NO: f"No: {plain.label} beats {other.label} ({number}).",
        OPEN: f"Not told apart ({number}).",
    }[found]
    return _question(f"Was the other reward ({other.name}) better than BLEU ({plain.name})?", found, said, other, plain,
                     metric, difference[metric])  # fmt: skip


def _better_than_base(
    base: str,
    group: TrainedGroup,
    metric: str,
    difference: Mapping[str, EstimateJson],
    control: Mapping[str, EstimateJson],
) -> dict[str, Any]:
    found = answer_to(difference[metric])
    number = f"{interval_words(difference[metric])} on {difference[metric]['n_clusters']} prompts"
    said = {
        YES: f"Yes, in {metric}: {number}.",
        NO: f"No, it is worse in {metric}: {number}.",
        OPEN: f"Not told apart in {metric}: {number}.",
    }[found]
    cut = control.get(group.name)
    if cut is not None:
        words = interval_words(cut)
        gain = answer_to(cut)
        begin = (
            "Against"
            if found != YES
            else "More than length: against"
            if gain == YES
            else "Perhaps length alone: against"
        )
        said += f" {begin} {base}'s answers cut to its word counts it gains {words}."
    return {"question": f"Is {group.name} ({group.label}) better than {base}?", "answer": found, "sentence": said,
            "metric": metric, "base": base, "other": group.name, "difference": dict(difference[metric])}  # fmt: skip


def _question(
    question: str, found: str, said: str, other: TrainedGroup, base: TrainedGroup, metric: str, number: EstimateJson
) -> dict[str, Any]:
    differs, unknown = unequal_trainings(base, other)
    if differs:
        found = UNLIKE
        said = f"Not comparable as methods: {' '.join(differs)} For what it is worth: {said}"
    elif unknown:
        said = f"{said} Mind: {' '.join(unknown)}"
    return {"question": question, "answer": found, "sentence": said, "metric": metric, "base": base.name,
            "other": other.name, "difference": dict(number)}  # fmt: skip


def _second_opinions(grpo: TrainedGroup, metric: str, found: str, difference: Mapping[str, EstimateJson]) -> list[str]:
    """Whether scores that the run was not trained on agree."""
    trained_on = {signature.partition("|")[0] for signature in grpo.facts.rewards} if grpo.facts else set()
    said = []
    for name, estimate in difference.items():
        if name == metric:
            continue
        own = answer_to(estimate)
        if own == OPEN:
            agrees = "does not tell them apart either" if found == OPEN else "does not tell them apart"
        else:
            agrees = "agrees" if own == found else "tells them apart" if found == OPEN else "says otherwise"
        said.append(f" {name} {agrees}: {interval_words(estimate)}.")
    if metric in trained_on and found == YES:
        said.insert(0, f" {metric} is also what it was trained on, so this shows that training worked, not that people "
                       "like the answers better.")  # fmt: skip
    return said


def _share(estimate: EstimateJson) -> str:
    low, high = (("unknown" if bound is None else f"{bound:.0%}") for bound in (estimate["low"], estimate["high"]))
    return f"{estimate['value']:.0%} [{low}, {high}]"
