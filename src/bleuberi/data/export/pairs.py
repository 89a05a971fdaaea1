"""Preference pairs for DPO: a response of the model is rejected, a reference or a better response is chosen."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from bleuberi import columns
from bleuberi.on_disk import Mapped, Spilled
from bleuberi.records import Example, Message
from bleuberi.rewards import Reward
from bleuberi.rewards.base import score_examples

CHOSEN: Final = ("reference", "response")


def preference_rows(
    examples: Sequence[Example],
    responses: Sequence[Sequence[tuple[str, bool]]],  # of each example its texts, and whether each is whole
    reward: Reward,
    chosen: str,
) -> tuple[Sequence[dict[str, Any]], Counter[str]]:
    """Rows in a temporary file, with `prompt`, `chosen` and `rejected` as turns, and how many examples have none, by
    reason.

    Rejected is the response with the lowest reward. Chosen is the first reference, or (`response`) the response with
    the highest reward that has text and was not cut at the token limit: training on a cut one would teach the model to
    stop there. Examples are left out if the two are the same text or have the same reward.
    """
    dropped: Counter[str] = Counter()
    dropped["without a response"] = sum(not given for given in responses)
    places = array("q", (place for place, given in enumerate(responses) for _ in given))
    texts = Spilled(text for given in responses for text, _ in given)
    scores = iter(score_examples(reward, Mapped(places, lru_cache(1)(examples.__getitem__)), texts))
    rows: Spilled[dict[str, Any]] = Spilled()
    for row, given in zip(examples, responses, strict=True):
        if not given:
            continue
        scored = [(score, text, whole) for text, whole in given if not math.isnan(score := next(scores))]
        if not scored:
            dropped["not scored"] += 1
            continue
        worst = min(scored, key=lambda one: one[0])
        good = row.references[0]
        if chosen == "response":
            best = max((one for one in scored if one[2]), key=lambda one: one[0], default=None)
            if best is None:
                dropped["with empty or cut responses alone"] += 1
                continue
            if best[0] == worst[0]:
                dropped["with no whole response better than another"] += 1
                continue
            good = best[1]
        if good.strip() == worst[1].strip():
            dropped["with two equal answers"] += 1
            continue
        rows.append(
            {
                columns.PROMPT: row.messages,
                "chosen": [Message(role="assistant", content=good)],
                "rejected": [Message(role="assistant", content=worst[1])],
                columns.ID: row.id,
            }
        )
    return rows, dropped
