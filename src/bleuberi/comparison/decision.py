"""Decide which use of the pool won: gain against cost, controls, and one sentence.

An arm counts if it is better than the base (corrected for all questions) and clearly better than each control that was
computed for it. Of the arms that count and do not clearly differ from the one with the highest mean, the cheapest wins.
An arm that neither counts nor is ruled out (by too small a gain, or a control that explains most of it) keeps the
question open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from bleuberi.comparison.arms import Arm
from bleuberi.comparison.costs import Cost
from bleuberi.evaluation.control_sentences import HALF, copies_much, no_verdict, really_shortened
from bleuberi.evaluation.record import Differences, EvaluationRecord
from bleuberi.evaluation.verdict import YES
from bleuberi.statistics import Difference
from bleuberi.statistics.comparison_of_runs import FEW_PROMPTS, ONE_RUN
from bleuberi.statistics.shown import difference, number, side

WORTHWHILE: Final = 0.05  # points of the metric, if the protocol states no smallest visible difference
NO_VERDICT: Final = "no verdict"
DO_NOT_TRAIN: Final = "do not train"
PROMPT: Final = "prompt"
SFT: Final = "sft"
BESTOF: Final = "best of k"
RL: Final = "rl"
SFT_THEN_RL: Final = "sft, then rl"
DPO: Final = "dpo"
SFT_THEN_DPO: Final = "sft, then dpo"
_WORDS: Final[Mapping[str, str]] = {
    PROMPT: "Do not train: change the prompt",
    SFT: "Do SFT",
    BESTOF: "Do SFT on the best of k samples",
    RL: "RL is right",
    SFT_THEN_RL: "Do SFT, then RL",
    DPO: "Do DPO on scored samples",
    SFT_THEN_DPO: "Do SFT, then DPO on scored samples",
}
_CHEAP: Final[Mapping[str, str]] = {
    "cut": "length: {base}'s responses cut to its length gain as much",
    "brief": "length: {base} told to be brief gains as much",
    "long": "a longer limit: {base} with one gains as much",
    "echo": "copying: an echo of the prompt gains as much",
    "copied": "copying: its share of words from the prompt is far above that of the references",
    "placebo": "any training: training on shuffled references gains as much",
}

_TOO_FEW: Final = (ONE_RUN, FEW_PROMPTS)  # the other reason for no verdict is that hardly any response differs


@dataclass(frozen=True, slots=True)
class Spent:
    """The average cost of one run of an arm: tokens and minutes, with the data, the start run and the search
    included."""

    generated: float = 0.0  # tokens
    passes: float = 0.0  # tokens passed forward; one with gradients counts as three
    minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class Against:
    """The difference between an arm and one control; `gain` is None for a quantity that is counted, not scored
    (`copied`)."""

    control: str
    gain: Difference | None
    metric: str = ""
    own: float = 0.0  # the arm's gain over the base in that metric

    @property
    def explains(self) -> bool:
        """Whether the control gains at least half of what the arm gains, and the arm is not clearly better than it."""
        if self.gain is None:
            return True
        return not self.beaten and self.gain.no_verdict not in _TOO_FEW and self.gain.value < HALF * self.own

    @property
    def beaten(self) -> bool:
        return self.gain is not None and _clear(self.gain)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One arm of the decision."""

    arm: Arm
    answer: str  # of the question whether it is better than the base
    gain: Difference
    against: tuple[Against, ...]
    spent: Spent

    @property
    def use(self) -> str:
        """The use of the pool that this arm represents, e.g. SFT."""
        if self.arm.kind == "grpo":
            return SFT_THEN_RL if self.arm.start else RL
        if self.arm.kind == "dpo":
            return SFT_THEN_DPO if self.arm.start else DPO
        return {"prompted": PROMPT, "bestof": BESTOF}.get(self.arm.kind, SFT)

    @property
    def counts(self) -> bool:
        return self.answer == YES and all(one.beaten for one in self.against)

    def open(self, worthwhile: float) -> bool:
        """Whether the arm may still turn out to count: no control explains its gain, and a worthwhile gain is not
        excluded."""
        if self.counts or (self.answer == YES and any(one.explains for one in self.against)):
            return False
        return self.answer == YES or not self.gain.high <= worthwhile


@dataclass(frozen=True, slots=True)
class Decision:
    """The winning use of the pool, the sentence that states it, and the arms it was chosen from."""

    use: str
    sentence: str
    arm: str | None
    metric: str
    candidates: tuple[Candidate, ...]

    def to_json(self) -> dict[str, Any]:
        return {"use": self.use, "sentence": self.sentence, "arm": self.arm, "metric": self.metric}


def spent(costs: Sequence[Cost]) -> Spent:
    """The mean of several runs' total costs."""
    if not costs:
        return Spent()
    return Spent(
        fmean(cost.generated.tokens for cost in costs),
        fmean(cost.token_passes for cost in costs),
        fmean(cost.seconds.wall for cost in costs) / 60,
    )


def decide(
    evaluation: EvaluationRecord,
    metric: str,
    arms: Mapping[str, Arm],
    spending: Mapping[str, Spent],
    worthwhile: float = WORTHWHILE,
) -> Decision | None:
    """The decision of a finished evaluation; None if it has no comparisons, or none in this metric.

    `worthwhile`: the gain in points of the metric that must be excluded before the decision is "do not train".
    """
    pairs, base = evaluation.between(), evaluation.base
    asked = [arm for arm in arms.values() if (base, arm.name) in pairs and not arm.placebo]
    if not asked or any(metric not in pairs[base, arm.name] for arm in asked):
        return None
    found = [_candidate(evaluation, metric, arm, pairs[base, arm.name], spending) for arm in asked]
    counting = [one for one in found if one.counts]
    undecided = [one for one in found if one.open(worthwhile)]
    use, sentence, chosen = _nothing_counts(found, undecided, base, metric)
    if counting:
        best = max(counting, key=_value)
        others = [one for one in counting if one is not best]
        equal = [best, *(one for one in others if not _clear(pairs[one.arm.name, best.arm.name][metric]))]
        won = min(equal, key=lambda one: (one.spent.passes, -one.gain.value))
        said = [f"{_WORDS[won.use]}: {won.arm.name} gains {difference(won.gain)} in {metric} over {base}."]
        said += _not_compared(found)
        said += [_other(one, won, pairs[won.arm.name, one.arm.name][metric]) for one in counting if one is not won]
        use, sentence, chosen = won.use, " ".join(said), won.arm.name
        if above := [one for one in undecided if one.gain.value > best.gain.value]:
            use, chosen = NO_VERDICT, None
            sentence = f"No verdict yet: {best.arm.name} gains {difference(best.gain)} in {metric} over {base}, but "
            sentence += f"{_undecided(max(above, key=_value))}."
    return Decision(use, sentence, chosen, metric, tuple(found))


def _candidate(
    evaluation: EvaluationRecord, metric: str, arm: Arm, to_base: Differences, spending: Mapping[str, Spent]
) -> Candidate:
    asked = (evaluation.base, arm.name)
    answer = next((one.answer for one in evaluation.questions if (one.base, one.other) == asked), "")
    against = []
    for control in evaluation.controls:
        if control.other != arm.name or not control.computed:
            continue
        if control.name == "placebo" and not arm.trained:
            continue
        if control.name == "cut" and not really_shortened(control, to_base):
            continue  # it shortens too little to be a control of length
        scored = "bleu" if control.name == "echo" and metric == "facts" else metric  # an echo repeats every fact
        if (gain := (control.difference or {}).get(scored)) is not None:
            against.append(Against(control.name, gain, scored, to_base[scored].value))
    copying = next((one.copying for one in evaluation.gain if one.other == arm.name), None)
    if copying is not None and copies_much(copying):
        against.append(Against("copied", None))
    return Candidate(arm, answer, to_base[metric], tuple(against), spending.get(arm.name, Spent()))


def _nothing_counts(
    found: Sequence[Candidate], undecided: Sequence[Candidate], base: str, metric: str
) -> tuple[str, str, None]:
    """The sentence if no arm counts."""
    if all(one.gain.no_verdict in _TOO_FEW for one in found):
        reasons = dict.fromkeys(no_verdict(one.arm.name, one.gain) for one in found)
        return NO_VERDICT, f"No verdict: {'; '.join(reasons)}.", None
    if undecided:
        return NO_VERDICT, f"No verdict: in {metric} over {base}, {_undecided(max(undecided, key=_value))}.", None
    explained = [one for one in found if one.answer == YES]
    if explained:
        best = max(explained, key=_value)
        why = "; ".join(_CHEAP[one.control].format(base=base) for one in best.against if one.explains)
        said = f"Do not train on this pool: {best.arm.name} gains {difference(best.gain)} in {metric} over {base}, and "
        return DO_NOT_TRAIN, f"{said}that may be {why}.", None
    seen = [size for one in found if (size := one.gain.smallest_visible) is not None]
    limit = f" A gain below {number(max(seen))} could have been missed." if seen else ""
    return DO_NOT_TRAIN, f"Do not train on this pool: no arm is better than {base} in {metric}.{limit}", None


def _undecided(one: Candidate) -> str:
    """Why an arm keeps the question open."""
    visible = one.gain.smallest_visible
    seen = f"; smallest visible difference {number(visible)}" if visible is not None else ""
    lost = [against.control for against in one.against if not against.beaten] if one.answer == YES else []
    why = f" and is not settled ({one.gain.n_clusters:,} prompts, runs: {one.gain.runs[1]})"
    why = f" and is not clearly better than {', '.join(lost)}" if lost else why
    why = f", but {no_verdict(one.arm.name, one.gain)}" if one.gain.no_verdict else why
    return f"{one.arm.name} gains {difference(one.gain)}{why}{seen}"


def _value(one: Candidate) -> float:
    return one.gain.value


def _clear(estimate: Difference) -> bool:
    return not estimate.no_verdict and side(estimate) > 0


def _not_compared(found: Sequence[Candidate]) -> list[str]:
    """A sentence if SFT or RL was not tried: it could be the better use."""
    tried = {one.arm.kind for one in found}
    missing = [name for kind, name in (("sft", "SFT"), ("grpo", "RL")) if kind not in tried]
    return [f"No arm of {name} was compared, so it may be better still." for name in missing]


def _other(one: Candidate, won: Candidate, apart: Difference) -> str:
    """The gain of another arm that counts over the winning one; `apart` is this difference."""
    below = side(apart) < 0 and not apart.no_verdict
    found = "gains less" if below else "gains more" if _clear(apart) else "is not told apart from it"
    visible = apart.smallest_visible
    seen = "" if visible is None or below else f"; smallest visible difference {number(visible)}"
    times = f" and costs {one.spent.passes / won.spent.passes:.1f} times as much" if won.spent.passes else ""
    return f"{one.arm.name} {found} ({difference(apart)}{seen}){times}."


def decision_text(decision: Decision) -> str:
    """The sentence and the table of gain against cost, as Markdown."""
    head = ("arm", f"gain in {decision.metric} [95 %]", "over its strictest control", "smallest visible",
            "generated tokens", "token passes", "minutes")  # fmt: skip
    lines = [f"**{decision.sentence}**", "", "| " + " | ".join(head) + " |"]
    lines.append("| --- |" + " ---: |" * (len(head) - 1))
    for one in sorted(decision.candidates, key=lambda one: one.spent.passes):
        scored = [(against.gain, against) for against in one.against if against.gain is not None]
        over = ""
        if scored:
            gain, strictest = min(scored, key=lambda pair: pair[0].value)
            scored_by = "" if strictest.metric == decision.metric else f" ({strictest.metric})"
            over = f"{strictest.control}: {difference(gain)}{scored_by}"
        cells = [
            one.arm.name,
            difference(one.gain),
            over,
            number(one.gain.smallest_visible),
            f"{one.spent.generated:,.0f}",
            f"{one.spent.passes:,.0f}",
            f"{one.spent.minutes:.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    note = (
        "Token passes: tokens passed forward, with gradients counted three times; samples that the data were chosen "
        "by are included."
    )
    return "\n".join([*lines, "", note])
