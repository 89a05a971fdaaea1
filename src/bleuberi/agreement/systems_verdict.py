"""Sentences about how well a reward ranks models. They claim no more than the data show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bleuberi.agreement.verdict import (
    FEW_PROMPTS,
    coin_sentence,
    comparison_with,
    excludes_zero,
    lead_sentence,
    more_of,
    settled,
)
from bleuberi.rewards.baselines import ECHO_BASELINE
from bleuberi.statistics.shown import correlation, interval, p_words, percent, points

FEW_SYSTEMS = 10
REVERSE = -0.5  # mention correlations at or below this even if they may be chance
MOST_SYSTEMS = 1_000  # above this, more models are not a realistic plan


def systems_verdict(result: Mapping[str, Any], reward: str) -> str:
    """Whether the models' mean `reward` ranks them like their label, and better than length does."""
    entry = {one["name"]: one for one in result["rewards"]}
    baseline, counts = result["length_baseline"], result["counts"]
    confidence, systems = result["sureness"]["confidence"], counts["systems"]
    said = (
        f"Over {systems} models and {counts['prompts']:,} prompts, mean {reward} ranks models as "
        f"{result['label']} does with Spearman {correlation(entry[reward]['spearman']['both'])}, "
        f"{baseline} with {correlation(entry[baseline]['spearman']['both'])}"
    )
    if ECHO_BASELINE in entry:
        said += f" and an echo of the prompt with {correlation(entry[ECHO_BASELINE]['spearman']['both'])}"
    lead = comparison_with(result["comparisons"], baseline, reward)
    if lead is None:
        said += "."
    elif systems < FEW_SYSTEMS:
        said += f": {systems} models are too few to compare the two."
    else:
        said += lead_sentence(reward, lead, confidence, interval(lead["difference"], "+.2f"))
        if not settled(lead, confidence):
            said += more_of("models", lead, systems, MOST_SYSTEMS, len(result["comparisons"]), FEW_SYSTEMS)
    said += follows_sentence(entry[reward], reward, result["label"], confidence)
    return said + answers_sentence(result, reward)


def follows_sentence(entry: Mapping[str, Any], reward: str, label: str, confidence: float) -> str:
    """Whether the reward ranks models like the label, or in reverse order, by a permutation test."""
    value, test = entry["spearman"]["both"]["value"], entry["follows_label"]
    if value != value or test["p_value"] != test["p_value"]:
        return ""
    p = f"{p_words(test['p_value'])}, {test['method']}"
    if test["p_value"] > 1.0 - confidence:
        reverse = "; the models seen come in reverse" if value <= REVERSE else ""
        return f" The data do not show that {reward} follows {label} at all ({p}){reverse}."
    if value < 0:
        return f" {reward} ranks the models in reverse ({p})."
    return f" {reward} follows {label} ({p})."


def answers_sentence(result: Mapping[str, Any], reward: str) -> str:
    """How well `reward` agrees with the judge on pairs of answers, compared with length, an echo and other rewards;
    empty if no answers were judged."""
    entry = {one["name"]: one for one in result["rewards"]}
    pairs, baseline = entry[reward]["answer_pairs"], result["length_baseline"]
    lead = comparison_with(result["answer_comparisons"], baseline, reward)
    if not pairs or lead is None:
        return ""
    head = (
        f" On {pairs['n']:,} pairs of answers to one prompt that were judged differently, {reward} agrees with the "
        f"judge in {percent(pairs)} and {baseline} in {percent(entry[baseline]['answer_pairs'])}"
    )
    if pairs["n_clusters"] < FEW_PROMPTS:
        return head + f": {pairs['n_clusters']} prompts are too few to conclude anything about others."
    confidence = result["sureness"]["confidence"]
    said = head + lead_sentence(reward, lead, confidence, points(lead["difference"]))
    for one in result["answer_comparisons"]:
        if reward not in (one["base"], one["other"]) or one is lead:
            continue
        name = one["base"] if one["other"] == reward else one["other"]
        if entry[name]["kind"] == "baseline" and name != ECHO_BASELINE:
            continue
        ahead = (one["difference"]["value"] > 0) == (one["other"] == reward)
        found = f"{'better' if ahead else 'worse'} than" if settled(one, confidence) else "not told apart from"
        if excludes_zero(one) and not settled(one, confidence):
            found += " (after correction)"
        said += f" It is {found} {name} ({percent(entry[name]['answer_pairs'])})."
    return said + coin_sentence(reward, pairs, "the judge rejects")


def systems_warnings(result: Mapping[str, Any]) -> list[str]:
    """Caveats."""
    inputs, counts = result["inputs"], result["counts"]
    found = [
        f"{count:,} answers were dropped: {reason}." for reason, count in inputs["answers"]["dropped"].items() if count
    ]
    found += [f"{name} is excluded: it {reason}." for name, reason in inputs["excluded_systems"].items()]
    if inputs["systems_without_label"]:
        missing = inputs["systems_without_label"]
        found.append(f"{len(missing)} models have no {result['label']} and are excluded.")
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
