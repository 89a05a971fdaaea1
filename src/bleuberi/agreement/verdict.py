"""Say in one plain sentence what the figures allow. Knows estimates; knows nothing of how they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.statistics import clusters_needed, detectable_difference

FEW_PROMPTS = 30
MOST_PROMPTS = 100_000  # beyond this, more prompts are no plan


def verdict(result: Mapping[str, Any], reward: str, baseline: str) -> str:
    """Whether `reward` beats `baseline` on these data, by how much, how surely, and what would settle it."""
    comparison = next(
        (one for one in result["comparisons"] if one["other"] == reward and one["base"] == baseline), None
    )
    rates = {one["name"]: one["agreement"] for one in result["rewards"]}
    prompts = result["counts"]["prompts"]
    head = (
        f"On {result['counts']['decisive_pairs']:,} decisive pairs over {prompts:,} prompts, {reward} agrees with "
        f"people in {percent(rates[reward])} and {baseline} in {percent(rates[baseline])}"
    )
    if comparison is None:
        return head + "."
    difference = comparison["difference"]
    points = 100 * difference["value"]
    interval = f"[{100 * difference['low']:+.1f}, {100 * difference['high']:+.1f}]"
    if prompts < 2:
        return head + ": with one prompt nothing can be concluded about others."
    if prompts < FEW_PROMPTS:
        can_tell = 100 * detectable_difference(comparison["standard_error"])
        return head + (
            f" ({points:+.1f} points {interval}): with fewer than {FEW_PROMPTS} prompts this describes these pairs and "
            f"nothing can be concluded about others; a difference under about {can_tell:.0f} points would not show."
            + more_prompts(comparison, prompts)
        )
    if difference["low"] > 0 or difference["high"] < 0:
        beats = "beats it" if points > 0 else "is worse"
        return head + (
            f": {reward} {beats} by {abs(points):.1f} points {interval}, "
            f"{p_value(comparison, result['sureness']['confidence'])}; no more prompts are needed to settle the "
            "direction."
        )
    return head + (
        f": the difference of {points:+.1f} points {interval} is not settled, either may be better."
        + more_prompts(comparison, prompts)
    )


def more_prompts(comparison: Mapping[str, Any], prompts: int) -> str:
    """How many more prompts would settle a comparison if the true difference is as large as the one seen."""
    value, error = comparison["difference"]["value"], comparison["standard_error"]
    needed = clusters_needed(value, error, prompts)
    if needed is None or needed > MOST_PROMPTS:
        return f" The difference is so small that not even {MOST_PROMPTS:,} prompts would settle it."
    more = max(needed, FEW_PROMPTS) - prompts
    if more <= 0:  # the plan is for 80% power, and these data were unlucky
        return " If the true difference is as large as seen, as many prompts again would most likely settle it."
    return f" If the true difference is as large as seen, about {more:,} more such prompts would settle it (80% power)."


def p_value(comparison: Mapping[str, Any], confidence: float) -> str:
    """The corrected p value, and what it means where it is less sure than the interval alone."""
    text = f"p = {comparison['p_value']:.2g} corrected for all comparisons"
    if comparison["p_value"] > 1.0 - confidence:
        text += ", so sure only if this was the one question asked"
    return text


def warnings_of(result: Mapping[str, Any], dropped: Mapping[str, int]) -> list[str]:
    """What a reader should know before he trusts the figures."""
    counts = result["counts"]
    found = [f"{count:,} rows were dropped: {reason}." for reason, count in dropped.items() if count]
    unscored = counts["pairs"] - counts["pairs_scored"]
    if unscored:
        found.append(f"{unscored:,} pairs lack a score of one reward or another and count for none.")
    if counts["prompts"] < FEW_PROMPTS:
        found.append(
            f"{counts['prompts']} prompts are fewer than {FEW_PROMPTS}: intervals over prompts are rough, and nothing "
            "can be concluded about other prompts."
        )
    if not counts["a_wins"] or not counts["b_wins"]:
        side = "a (or chosen)" if counts["a_wins"] else "b"
        found.append(
            f"Response {side} wins every decisive pair. That is as it should be with chosen and rejected; otherwise "
            "check the winners, for a mistake there would not show."
        )
    if counts["identical_responses"]:
        found.append(f"{counts['identical_responses']:,} pairs have identical responses; every reward ties on them.")
    if counts["empty_responses"]:
        found.append(f"{counts['empty_responses']:,} responses are empty; they are scored like any other.")
    for one in result["rewards"]:
        share = one["metric_ties"] / max(1, counts["decisive_pairs"])
        if share > 0.1 and one["name"] != "random":
            found.append(f"{one['name']} ties on {share:.0%} of the decisive pairs; each counts half.")
    return found


def percent(estimate: Mapping[str, Any]) -> str:
    """E.g. `72.3% [69.5, 75.0]`."""
    return f"{100 * estimate['value']:.1f}% [{100 * estimate['low']:.1f}, {100 * estimate['high']:.1f}]"


def verdicts(result: Mapping[str, Any], rewards: Sequence[str], baseline: str) -> dict[str, str]:
    """One sentence for every reward."""
    return {reward: verdict(result, reward, baseline) for reward in rewards}
