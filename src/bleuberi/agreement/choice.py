"""Sentences about the choice of a reward, from length-balanced agreement and best-of-n selection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bleuberi.agreement.best_of import ORACLE
from bleuberi.agreement.which import FOLLOWS_LENGTH
from bleuberi.statistics.shown import COIN, has_interval, percent, side

Entry = Mapping[str, Any]


def choice_sentence(rewards: Sequence[Entry], comparisons: Sequence[Entry], key: str, confidence: float) -> str:
    """Name the reward with the highest `key`, and the rewards it is better than or not told apart from."""
    own = [one for one in rewards if one["kind"] == "reward" and one.get(key)]
    if not own:
        return ""
    best = max(own, key=lambda one: one[key]["value"])
    said = f"{best['name']} has the highest length-balanced agreement, {percent(best[key])} (length alone: 50 %)"
    if has_interval(best[key]) and side(best[key], COIN) < 1:
        said += ", worse than a coin" if side(best[key], COIN) else ", which is not told apart from a coin"
    beaten, level = against(best["name"], [one["name"] for one in own], comparisons, confidence)
    return said + relation_words(beaten, level) + "."


def against(
    best: str, names: Sequence[str], comparisons: Sequence[Entry], confidence: float
) -> tuple[list[str], list[str]]:
    """The names that `best` is significantly better than (corrected), and those it is not told apart from."""
    beaten: list[str] = []
    level: list[str] = []
    for name in names:
        if name == best:
            continue
        one = next((c for c in comparisons if {c["base"], c["other"]} == {best, name}), None)
        if one is None:
            continue
        sure = one["p_value"] <= 1.0 - confidence and side(one["difference"]) != 0
        (beaten if sure else level).append(name)
    return beaten, level


def relation_words(beaten: Sequence[str], level: Sequence[str]) -> str:
    """The end of a sentence, e.g. `: better than bleu, not told apart from rouge`."""
    parts = [f"better than {', '.join(beaten)}"] if beaten else []
    parts += [f"not told apart from {', '.join(level)}"] if level else []
    return f": {'; '.join(parts)}, corrected for all comparisons" if parts else ""


def length_sentences(rewards: Sequence[Entry]) -> list[str]:
    """Sentences about rewards that only measure length, or brevity."""
    found = []
    for one in rewards:
        share = one.get("prefers_longer")
        if one["kind"] == "baseline" or share is None:
            continue
        if share >= FOLLOWS_LENGTH:
            found.append(f"{one['name']} is length: it prefers the longer response in {_percent(share)} of the pairs.")
        elif share <= 1.0 - FOLLOWS_LENGTH:
            found.append(
                f"{one['name']} is brevity: it prefers the shorter response in {_percent(1 - share)} of the pairs."
            )
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def best_of_sentence(best_of: Entry, reward: str, baseline: str, label: str) -> str:
    """Label and length of the reward's pick from n answers, and the n at which the label starts to fall."""
    if not best_of:
        return ""
    at = {(one["reward"], one["n"]): one for one in best_of["curves"]}
    largest = best_of["largest"]
    if (reward, 1) not in at or (reward, largest) not in at:
        return ""

    def shown(name: str, n: int) -> str:
        one = at[name, n]
        return f"{one['label']['value']:.3g} at {one['words']['value']:.0f} words"

    turn = best_of["turns"][reward]
    said = (
        f"Its pick from {largest} answers has a mean {label} of {shown(reward, largest)}; a random answer has "
        f"{shown(reward, 1)}, {baseline}'s pick {shown(baseline, largest)}, the best answer {shown(ORACLE, largest)}."
    )
    if turn["turned"]:
        return said + f" The curve turns: {reward}'s pick is best at n = {turn['peak']} and falls from there."
    return said + " No downturn of the curve is shown."
