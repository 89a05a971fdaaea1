"""Say in one plain sentence how far a reward ranks models. Knows estimates; knows nothing of how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bleuberi.agreement.verdict import FEW_PROMPTS, p_value, percent
from bleuberi.statistics import clusters_needed

FEW_SYSTEMS = 10
MOST_SYSTEMS = 1_000  # beyond this, more models are no plan


def systems_verdict(result: Mapping[str, Any], reward: str) -> str:
    """Whether the models' mean `reward` follows their label, and better than length does."""
    entry = {one["name"]: one for one in result["rewards"]}
    baseline, counts = result["length_baseline"], result["counts"]
    mine, length = entry[reward]["spearman"]["both"], entry[baseline]["spearman"]["both"]
    head = (
        f"Over {counts['systems']} models and {counts['prompts']:,} prompts, mean {reward} ranks models as "
        f"{result['label']} does with Spearman {correlation(mine)}, {baseline} with {correlation(length)}"
    )
    lead = next((one for one in result["comparisons"] if one["other"] == reward and one["base"] == baseline), None)
    if lead is None:
        return head + "."
    value, low, high = (lead["difference"][key] for key in ("value", "low", "high"))
    difference = f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
    if low > 0 or high < 0:
        word = "beats it" if value > 0 else "is worse"
        found = f": {reward} {word} by {difference}, {p_value(lead, result['sureness']['confidence'])}."
    else:
        needed = clusters_needed(value, lead["standard_error"], counts["systems"])
        found = f": the difference of {difference} is not settled, either may be better."
        if needed is None or needed > MOST_SYSTEMS:
            found += f" It is so small that not even {MOST_SYSTEMS:,} models would settle it."
        elif needed > counts["systems"]:
            found += (
                f" If the true difference is as large as seen, about {needed - counts['systems']:,} more models "
                "would settle it (80% power)."
            )
    if mine["low"] <= 0:
        found += f" The data do not show that {reward} follows the label at all."
    return head + found + answer_pairs_sentence(entry, reward, baseline)


def answer_pairs_sentence(entry: Mapping[str, Any], reward: str, baseline: str) -> str:
    """What pairs of answers to one prompt say, where single answers are judged."""
    pairs, lead = entry[reward]["answer_pairs"], entry[reward]["answer_pairs_minus_length"]
    if not pairs:
        return ""
    points = f"{100 * lead['value']:+.1f} points [{100 * lead['low']:+.1f}, {100 * lead['high']:+.1f}]"
    return (
        f" On {pairs['n']:,} pairs of answers to one prompt that were judged differently, {reward} agrees with the "
        f"judge in {percent(pairs)} and {baseline} in {percent(entry[baseline]['answer_pairs'])}: {points}."
    )


def systems_warnings(result: Mapping[str, Any]) -> list[str]:
    """What a reader should know before he trusts the figures."""
    inputs, counts = result["inputs"], result["counts"]
    found = [
        f"{count:,} answers were dropped: {reason}." for reason, count in inputs["answers"]["dropped"].items() if count
    ]
    found += [f"{name} is left out: it {reason}." for name, reason in inputs["excluded_systems"].items()]
    if inputs["systems_without_label"]:
        missing = inputs["systems_without_label"]
        found.append(f"{len(missing)} models have no {result['label']} and are left out.")
    if counts["prompts_all_answered"] < counts["prompts"] / 2:
        found.append(
            f"Only {counts['prompts_all_answered']} of {counts['prompts']} prompts were answered by all models: their "
            "means are over different prompts, so trust the pairs of answers rather than the ranking."
        )
    if counts["systems"] < FEW_SYSTEMS:
        found.append(f"{counts['systems']} models are few: a correlation over them says little of other models.")
    if counts["prompts"] < FEW_PROMPTS:
        found.append(
            f"{counts['prompts']} prompts are fewer than {FEW_PROMPTS}: nothing can be concluded about others."
        )
    return found


def correlation(estimate: Mapping[str, Any]) -> str:
    """E.g. `0.83 [0.70, 0.91]`; `none` where all models score the same."""
    if estimate["value"] != estimate["value"]:
        return "none (all score the same)"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]"
