"""Sentences about how well a reward agrees with people. They claim no more than the data show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.rewards.baselines import ECHO_BASELINE
from bleuberi.statistics import clusters_needed, clusters_needed_range, detectable_difference
from bleuberi.statistics.shown import COIN, has_interval, p_words, percent, points, side

FEW_PROMPTS = 30
MOST_PROMPTS = 100_000  # above this, more prompts are not a realistic plan


def verdict(result: Mapping[str, Any], reward: str, baseline: str) -> str:
    """Whether `reward` beats each of three: `baseline`, an echo of the prompt, a coin toss; with p values and the
    prompts needed to decide."""
    rates = {one["name"]: one["agreement"] for one in result["rewards"]}
    prompts = result["counts"]["prompts"]
    head = (
        f"On {result['counts']['decisive_pairs']:,} decisive pairs over {prompts:,} prompts, {reward} agrees with "
        f"people in {percent(rates[reward])} and {baseline} in {percent(rates[baseline])}"
    )
    comparison = comparison_with(result["comparisons"], baseline, reward)
    if comparison is None:
        return head + "."
    if prompts < 2:
        return head + ": with one prompt nothing can be concluded about others."
    if prompts < FEW_PROMPTS:
        can_tell = 100 * detectable_difference(comparison["standard_error"])
        return head + (
            f" ({points(comparison['difference'])}): with fewer than {FEW_PROMPTS} prompts this describes these pairs "
            f"and nothing can be concluded about others; a difference under about {can_tell:.0f} points would not show."
            + more_of("prompts", comparison, prompts, MOST_PROMPTS, len(result["comparisons"]), FEW_PROMPTS)
        )
    confidence = result["sureness"]["confidence"]
    said = head + lead_sentence(reward, comparison, confidence, points(comparison["difference"]))
    if settled(comparison, confidence):
        said += " No more prompts are needed to settle the direction."
    else:
        said += more_of("prompts", comparison, prompts, MOST_PROMPTS, len(result["comparisons"]), FEW_PROMPTS)
    echo = comparison_with(result["comparisons"], ECHO_BASELINE, reward)
    if echo is not None:
        said += echo_sentence(reward, rates[ECHO_BASELINE], echo, confidence)
    return said + coin_sentence(reward, rates[reward])


def comparison_with(comparisons: Sequence[Mapping[str, Any]], base: str, other: str) -> Mapping[str, Any] | None:
    """The comparison of `other` with `base`; None if it was not made."""
    return next((one for one in comparisons if one["other"] == other and one["base"] == base), None)


def excludes_zero(comparison: Mapping[str, Any]) -> bool:
    """Whether the uncorrected interval of this comparison excludes 0."""
    return side(comparison["difference"]) != 0


def settled(comparison: Mapping[str, Any], confidence: float) -> bool:
    """Whether the direction is significant after correction for all comparisons."""
    return excludes_zero(comparison) and comparison["p_value"] <= 1.0 - confidence


def lead_sentence(reward: str, comparison: Mapping[str, Any], confidence: float, words: str) -> str:
    """The second half of a sentence, starting with its colon: how the reward compares with the baseline."""
    p = f"{p_words(comparison['p_value'])} corrected for all comparisons"
    if settled(comparison, confidence):
        return f": {reward} {'beats it' if comparison['difference']['value'] > 0 else 'is worse'} by {words}, {p}."
    if excludes_zero(comparison):
        return f": a difference of {words}, certain only if this was the only question asked ({p})."
    return f": the difference of {words} is not settled, either may be better."


def echo_sentence(reward: str, rate: Mapping[str, Any], comparison: Mapping[str, Any], confidence: float) -> str:
    """Compare the reward with an echo of the prompt that has each response's length."""
    if settled(comparison, confidence):
        found = "beats that" if comparison["difference"]["value"] > 0 else "is worse"
    else:
        found = "is not told apart from that"
    return f" An echo of the prompt agrees in {percent(rate)}: {reward} {found}."


def coin_sentence(reward: str, rate: Mapping[str, Any], judge: str = "people reject") -> str:
    """A sentence if a reward is not better than a coin toss; otherwise empty."""
    worse = f" {reward} is worse than a coin: it prefers the response that {judge}."
    return (f" {reward} is not told apart from a coin.", "", worse)[side(rate, COIN)] if has_interval(rate) else ""


def more_of(things: str, comparison: Mapping[str, Any], count: int, most: int, family: int, fewest: int) -> str:
    """The number of further prompts or models needed to settle a comparison. The level is corrected for the family."""
    value, error = comparison["difference"]["value"], comparison["standard_error"]
    level = {"confidence": 1.0 - 0.05 / max(1, family)}
    needed = clusters_needed(value, error, count, **level)
    least, upper = clusters_needed_range(value, error, count, **level)
    if least is None or least > most:
        return f" The difference is so small that not even {most:,} {things} would settle it."
    fewer = max(0, max(least, fewest) - count)
    if needed is None or needed > most:
        return (
            f" If the true difference is as large as seen, not even {most:,} {things} would settle it; if it is a "
            f"standard error larger, about {fewer:,} more would."
        )
    more = max(needed, fewest) - count
    if more <= 0:  # the plan is for 80 % power, and these data were unlucky
        return f" If the true difference is as large as seen, twice as many {things} would most likely settle it."
    until = f"to {max(upper, fewest) - count:,}" if upper is not None and upper <= most else "without an upper limit"
    return (
        f" If the true difference is as large as seen, about {more:,} more such {things} would settle it (80 % power); "
        f"within a standard error of it, from {fewer:,} {until}."
    )


def annotators_sentence(result: Mapping[str, Any], reward: str) -> str | None:
    """How well annotators agree with each other, and the reward with them on the same pairs; None without such
    pairs."""
    annotators = result["annotators"]
    people = annotators["with_others"]
    if not people:
        return None
    entry = next(one for one in result["rewards"] if one["name"] == reward)
    above = [
        one["name"]
        for one in result["rewards"]
        if one["kind"] != "baseline" and one["annotated"] and one["annotated"]["value"] > people["value"]
    ]
    said = (
        f"On {people['n']:,} pairs with two votes or more, an annotator agrees with what the others prefer in "
        f"{percent(people)}"
    )
    if entry["annotated"]:
        said += f"; {reward} agrees with people in {percent(entry['annotated'])} of the same pairs"
    said += f". Not a ceiling: {', '.join(above)} is above it." if above else ". No score is above this ceiling."
    sources = [
        f"{name} {percent(one)} ({one['n']:,} pairs; {reward} {percent(entry['annotated_sources'][name])})"
        for name, one in annotators["sources"].items()
        if one and entry["annotated_sources"][name]
    ]
    return said + (f" By source: {'; '.join(sources)}." if len(sources) > 1 else "")


def warnings_of(result: Mapping[str, Any], dropped: Mapping[str, int]) -> list[str]:
    """Caveats."""
    counts = result["counts"]
    found = [f"{count:,} rows were dropped: {reason}." for reason, count in dropped.items() if count]
    unscored = counts["pairs"] - counts["pairs_scored"]
    if unscored:
        found.append(f"{unscored:,} pairs lack a score of at least one reward and are excluded.")
    if counts["prompts"] < FEW_PROMPTS:
        found.append(
            f"{counts['prompts']} prompts are fewer than {FEW_PROMPTS}: intervals over prompts are rough, and nothing "
            "can be concluded about other prompts."
        )
    if not counts["a_wins"] or not counts["b_wins"]:
        side = "a (or chosen)" if counts["a_wins"] else "b"
        found.append(
            f"Response {side} wins every decisive pair. This is expected for chosen/rejected data; otherwise "
            "check the winners, because a mistake there would go unnoticed."
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


def verdicts(result: Mapping[str, Any], rewards: Sequence[str], baseline: str) -> dict[str, str]:
    """The verdict for every reward."""
    return {reward: verdict(result, reward, baseline) for reward in rewards}
