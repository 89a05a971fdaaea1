"""Preference pairs for DPO: a response of the model is rejected, a reference or a better response is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi import columns
from bleuberi.data.made_responses import MadeResponse
from bleuberi.records import Example, Message
from bleuberi.rewards import Reward
from bleuberi.rewards.base import score_responses

CHOSEN: Final = ("reference", "response")


def preference_rows(
    examples: Sequence[Example],
    responses: Mapping[str, Sequence[MadeResponse]],  # by the example's id
    reward: Reward,
    chosen: str,
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Rows with `prompt`, `chosen` and `rejected` as turns, and how many examples have none, by reason.

    Rejected is the response with the lowest reward. Chosen is the first reference, or (`response`) the response with
    the highest reward. Examples are left out if the two are the same text or have the same reward.
    """
    dropped: Counter[str] = Counter()
    answered = [row for row in examples if responses.get(row.id)]
    dropped["without a response"] = len(examples) - len(answered)
    texts = [(row, [one.text for one in responses[row.id]]) for row in answered]
    scores = iter(
        score_responses(
            reward,
            prompts=[row.prompt for row, given in texts for _ in given],
            responses=[text for _, given in texts for text in given],
            references=[row.references for row, given in texts for _ in given],
        )
    )
    rows = []
    for row, given in texts:
        scored = [(score, text) for text in given if (score := next(scores)) is not None]
        if not scored:
            dropped["not scored"] += 1
            continue
        worst = min(scored, key=lambda pair: pair[0])
        best = max(scored, key=lambda pair: pair[0])
        good = row.references[0] if chosen == "reference" else best[1]
        if good.strip() == worst[1].strip() or (chosen == "response" and best[0] == worst[0]):
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
