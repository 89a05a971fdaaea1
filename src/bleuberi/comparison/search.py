"""The search budget of arms: the protocol's list of the pilots in which their settings were chosen."""

from __future__ import annotations

from collections.abc import Mapping

from bleuberi.comparison.arms import Arm
from bleuberi.comparison.fields import Fields

Search = Mapping[str, tuple[str, ...]]
"""Arm -> the settings that were tried for it, each an arm of a pilot: `FOLDER/ARM`, relative to the protocol."""


def read_search(fields: Fields, arms: Mapping[str, Arm]) -> dict[str, tuple[str, ...]]:
    """Read and check the field `search`. Errors: `UserError` if arms have different numbers of settings."""
    found: dict[str, tuple[str, ...]] = {}
    for name in fields.names():
        if name not in arms or arms[name].kind == "base":
            fields.refuse(name, "is not an arm with settings")
        found[name] = fields.words(name, ())
        if len(set(found[name])) < len(found[name]) or not all("/" in tried for tried in found[name]):
            fields.refuse(name, "must be a list of different pilot arms, e.g. [pilot/sft_1e-3, pilot/sft_2e-3]")
    counts = {name: len(tried) for name, tried in found.items()}
    compared = {arm.name for arm in arms.values() if arm.trained and not arm.placebo and not _rewards_length(arm)}
    counts |= dict.fromkeys(sorted(compared - counts.keys()), 0)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{count} for {name}" for name, count in counts.items())
        fields.refuse(
            "",
            f"has different numbers of settings ({listed})",
            "Give every arm the same search budget, or omit `search`.",
        )
    return found


def _rewards_length(arm: Arm) -> bool:
    """Whether the arm is the length control, whose settings are not searched."""
    return arm.rewards == ("length",)
