"""Sentences about rewards compared with references only. They claim no more than the data show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bleuberi.agreement.choice import against, length_sentences, relation_words
from bleuberi.statistics.shown import COIN, has_interval, percent, side

Entry = Mapping[str, Any]

FEW_PROMPTS = 30
LIMIT = (
    "This measures whether a score falls if an answer gets worse, not what people prefer; for that use --preferences."
)


def references_verdict(result: Entry) -> str:
    """Name the reward that detects most of the planted damage, and the damage it misses."""
    prompts, confidence = result["counts"]["prompts"], result["sureness"]["confidence"]
    own = [one for one in result["rewards"] if one["kind"] == "reward" and one["sees"]]
    if not own:
        return f"On {prompts:,} prompts no damage could be planted in the references, so no reward is chosen. {LIMIT}"
    if prompts < FEW_PROMPTS:
        return f"{prompts} prompts are fewer than {FEW_PROMPTS}: no reward is chosen. {LIMIT}"
    best = max(own, key=lambda one: one["sees"]["value"])
    beaten, level = against(best["name"], [one["name"] for one in own], result["comparisons"], confidence)
    relation = relation_words(beaten, level)
    said = (
        f"On {prompts:,} prompts {best['name']} sees most of the planted damage: its score falls in "
        f"{percent(best['sees'])} of the cases, mean over {len(result['damage_kinds'])} kinds{relation}."
    )
    if has_interval(best["sees"]) and side(best["sees"], COIN) < 1:
        said = f"On {prompts:,} prompts no reward is shown to see the planted damage."
    return " ".join([said, *reward_sentences(best), LIMIT])


def reward_sentences(one: Entry) -> list[str]:
    """The kinds of damage that a reward does not detect, and the kinds it rewards."""
    blind = [kind for kind, found in one["damage"].items() if _verdict_of(found["falls"]) == "blind"]
    pays = [kind for kind, found in one["damage"].items() if _verdict_of(found["falls"]) == "pays"]
    found = []
    if blind:
        found.append(f"{one['name']} does not see: {', '.join(blind)}.")
    if pays:
        found.append(f"{one['name']} pays for: {', '.join(pays)} (the damaged text scores higher more often than not).")
    return found


def references_warnings(result: Entry) -> list[str]:
    """Caveats, and the damage that each reward misses."""
    counts = result["counts"]
    found = length_sentences(result["rewards"])
    for one in result["rewards"]:
        if one["kind"] == "reward":
            found += reward_sentences(one)
    if counts["own_reference"]:
        found.append(
            f"{counts['own_reference']:,} prompts have one reference: it is damaged and scored against itself, which "
            "is easier to see than damage in another good answer."
        )
    if not any(one["halves"] for one in result["rewards"]):
        found.append("Split halves need four references per prompt, or two with --outputs.")
    if not counts["samples"]:
        found.append("Headroom between a policy's samples needs --outputs with two or more samples per prompt.")
    return found


def _verdict_of(falls: Entry | None) -> str:
    return ("blind", "", "pays")[side(falls, COIN)] if has_interval(falls) else ""
