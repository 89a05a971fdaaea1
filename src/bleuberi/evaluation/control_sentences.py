"""Sentences about a gain and its controls: is it more than length, copying, or any training at all?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bleuberi.evaluation.record import ControlResult, Copying, Differences, Gain
from bleuberi.statistics import Difference
from bleuberi.statistics.comparison_of_runs import FEW_PROMPTS, FEWEST_DIFFERING, FEWEST_PROMPTS, ONE_RUN
from bleuberi.statistics.shown import difference, side

MOSTLY: Final = 0.5  # a cut control that shortens fewer of the responses is no control of length
MUCH_COPIED: Final = (
    0.1  # a copied share that is clearly above the references' by more is copying, whatever an echo has
)
HALF: Final = 0.5  # of a gain, the part that has to be left without its extreme prompts
_MORE: Final = {
    "cut": ("More than length", "Perhaps length alone"),
    "echo": ("More than copying", "Perhaps copying alone"),
    "brief": ("More than an instruction to be brief", "Perhaps what an instruction to be brief does"),
    "long": ("More than a longer limit", "Perhaps what a longer limit does"),
    "placebo": ("More than the placebo", "Perhaps what any training does"),
}
_AGAINST: Final = {
    "cut": "{base}'s responses cut to its length",
    "echo": "an echo of the prompt at its length",
    "brief": "{base} told to be brief",
    "long": "{base} with a longer limit",
    "placebo": "a model trained on shuffled references",
}
_FACTORS: Final = ("brevity_penalty", "precision_1", "precision_2", "precision_3", "precision_4")


def control_sentences(
    base: str,
    group: str,
    metric: str,
    controls: Sequence[ControlResult],
    difference_to_base: Differences,
    *,
    better: bool,
    gain: Gain | None = None,
) -> list[str]:
    """One sentence per control of the group. `better`: the group was found to be better than the base."""
    own = [control for control in controls if control.other == group]
    if not own:
        return ["No control for length or copying was computed."] if better else []
    said = []
    for control in own:
        name = control.name
        if not control.computed or control.difference is None or metric not in control.difference:
            said.append(f"Not computed: {name} ({control.reason or f'it has no {metric}'}).")
        elif name == "cut" and not really_shortened(control, difference_to_base):
            said.append(_length_by_factors(base, control, difference_to_base))
        else:
            copying = gain.copying if gain is not None and name == "echo" else None
            # An echo mentions every fact that it repeats.
            scored = "bleu" if name == "echo" and metric == "facts" and "bleu" in control.difference else metric
            note = "" if scored == metric else f" in {scored} (an echo repeats every fact)"
            said.append(_against(base, name, control.difference[scored], copying, better=better, note=note))
    return said


def gain_sentences(gain: Gain, difference_to_base: Difference, *, better: bool) -> list[str]:
    """State whether few prompts make most of the gain, and whether it is larger on prompts that their references
    repeat."""
    share, rest, mean = gain.top10_share, gain.without_extremes, difference_to_base.value
    if share is None or mean <= 0.0:
        return []
    said = []
    if rest is not None and rest < HALF * mean:
        said.append(
            f"A few prompts carry the gain: its ten largest make {share:.0%} of it; without them and the ten smallest "
            f"it is {rest:+.3f} per prompt."
        )
    elif better:
        said.append(f"Its ten largest prompts make {share:.0%} of the gain.")
    above, below = (gain.by_overlap.above, gain.by_overlap.below) if gain.by_overlap else (None, None)
    if better and above and below and above.value > 0.0 and below.value < HALF * above.value:
        said.append(
            f"The gain is larger if references repeat the prompt: {difference(above)}, "
            f"{difference(below)} on the other prompts."
        )
    return said


def no_verdict(name: str, found: Difference) -> str:
    """The reason why a difference of the group `name` has no verdict."""
    if found.no_verdict == ONE_RUN:
        return f"{name} has one training run, and two are needed"
    if found.no_verdict == FEW_PROMPTS:
        return f"{found.n_clusters:,} prompts are fewer than {FEWEST_PROMPTS}"
    return f"{name} scores differently on fewer than {FEWEST_DIFFERING} prompts"


def really_shortened(control: ControlResult, difference_to_base: Differences) -> bool:
    """Whether the cut control shortened most responses, and the group clearly writes fewer words than the base."""
    words = difference_to_base.get("words")
    fewer = words is None or side(words) < 0
    return (control.shortened or 0.0) >= MOSTLY and fewer


def _against(base: str, name: str, gain: Difference, copying: Copying | None, *, better: bool, note: str) -> str:
    """The sentence about one control. `copying`: only for the echo."""
    more, perhaps = _MORE.get(name, (f"More than {name}", f"Perhaps {name} alone"))
    beaten = not gain.no_verdict and side(gain) > 0
    also = ""
    if copying is not None:
        much = copies_much(copying)
        if much:
            more = "Perhaps copying of other words"
        else:
            perhaps = "An echo would do as well"
        if much or better:
            also = f", {'but' if much and beaten else 'and'} {copying.own:.0%} of its 4-grams are from the prompt "
            also += f"(of the references' {copying.references:.0%})"
    begin = "" if not better else f"{more if beaten else perhaps}: "
    against = _AGAINST.get(name, name).format(base=base)
    return f"{begin}{'against' if begin else 'Against'} {against} it gains {difference(gain)}{note}{also}."


def copies_much(copying: Copying) -> bool:
    """Whether the copied share is significantly above the references' own, and by more than `MUCH_COPIED`."""
    return copying.difference.value > MUCH_COPIED and side(copying.difference) > 0


def _length_by_factors(base: str, control: ControlResult, difference_to_base: Differences) -> str:
    """For a group that does not write less than the base: which of BLEU's factors changed."""
    shortened = control.shortened or 0.0
    found = [
        f"{name.replace('_', ' ')} {difference(difference_to_base[name])}"
        for name in _FACTORS
        if name in difference_to_base
    ]
    factors = f" By factor of BLEU: {', '.join(found)}." if found else ""
    return (
        f"Cutting {base}'s responses to its length says nothing of length here: {shortened:.0%} of them "
        f"got shorter.{factors}"
    )
