"""What the controls of an evaluation say about a gain: is it more than length, copying, or any training at all?

A control is a mapping: `name` (cut, echo, brief, long or placebo), `other` (the group), `computed`, `reason` if it was
not computed, `difference` (by metric, the group minus the control) and, for `cut`, `shortened` (the share of the base's
responses that lost words).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi.statistics.shown import EstimateJson, difference

Control = Mapping[str, Any]

MOSTLY: Final = 0.5  # a cut control that shortens fewer of the responses is no control of length
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
    controls: Sequence[Control],
    difference_to_base: Mapping[str, EstimateJson],  # by metric, lengths and BLEU's factors included
    *,
    better: bool,
) -> list[str]:
    """One sentence per control of the group. `better`: the group was found to be better than the base."""
    own = [control for control in controls if control["other"] == group]
    if not own:
        return ["No control for length or copying was computed."] if better else []
    said = []
    for control in own:
        name = str(control["name"])
        if not control.get("computed", True) or metric not in (control.get("difference") or {}):
            said.append(f"Not computed: {name} ({control.get('reason') or f'it has no {metric}'}).")
        elif name == "cut" and not really_shortened(control, difference_to_base):
            said.append(_length_by_factors(base, control, difference_to_base))
        else:
            said.append(_against(base, name, control["difference"][metric], better=better))
    return said


def really_shortened(control: Control, difference_to_base: Mapping[str, EstimateJson]) -> bool:
    """Whether the cut control shortened most responses, and the group clearly writes fewer words than the base."""
    words = difference_to_base.get("words")
    fewer = words is None or (words["high"] is not None and words["high"] < 0.0)
    return float(control.get("shortened") or 0.0) >= MOSTLY and fewer


def _against(base: str, name: str, gain: EstimateJson, *, better: bool) -> str:
    more, perhaps = _MORE.get(name, (f"More than {name}", f"Perhaps {name} alone"))
    beaten = not gain.get("no_verdict") and gain["low"] is not None and gain["low"] > 0
    begin = "" if not better else f"{more if beaten else perhaps}: "
    against = _AGAINST.get(name, name).format(base=base)
    return f"{begin}{'against' if begin else 'Against'} {against} it gains {difference(gain)}."


def _length_by_factors(base: str, control: Control, difference_to_base: Mapping[str, EstimateJson]) -> str:
    """For a group that does not write less than the base: which of BLEU's factors changed."""
    shortened = float(control.get("shortened") or 0.0)
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
