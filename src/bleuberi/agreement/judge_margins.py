"""Ask a judge about the pairs that a reward can hardly distinguish, and measure what each further question adds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bleuberi.agreement.config import JudgedMargins
from bleuberi.agreement.pairs import PreferencePair
from bleuberi.agreement.scores import FloatArray, Scored, agreement_of_margins
from bleuberi.errors import UserError
from bleuberi.generation.judge import VERDICTS, Judge
from bleuberi.records import Example, Message
from bleuberi.statistics import prompt_clusters, rate_estimate

_SIDES: Final = {"base": 1.0, "other": -1.0, "tie": 0.0, "identical": 0.0}  # base is response a
_STEPS: Final = 10


def judged_margins(
    config: JudgedMargins,
    scored: Scored,  # of N pairs
    pairs: Sequence[PreferencePair],  # N
    references: Sequence[Sequence[str]],  # N
    people: FloatArray,  # N in {1, 0, -1}
    cache: Path,
    confidence: float,
) -> dict[str, Any]:
    """The judge's part of `agreement.json`: its verdicts, and agreement by the number of questions asked.

    Pairs are judged in the order of the reward's margin, the smallest first. If the judge's verdicts in both orders are
    not the same, the reward's own margin decides. Errors: `UserError` if no pair has a preference and a score, or if
    the server fails.
    """
    config.check()
    usable = np.flatnonzero((people != 0) & np.isfinite(scored.margins))
    if not len(usable):
        raise UserError("No pair has a preference and a score.", "Give pairs with a winner, or leave --judge out.")
    order = usable[np.argsort(np.abs(scored.margins[usable]), kind="stable")]
    asked = order[: math.ceil(config.share * len(order))]
    examples = [
        Example(
            str(row), "", [Message(role="user", content=pairs[row].prompt)], pairs[row].prompt, "", [*references[row]]
        )
        for row in asked
    ]
    texts = {
        "a": {str(row): pairs[row].response_a for row in asked},
        "b": {str(row): pairs[row].response_b for row in asked},
    }
    judgments = Judge(config.judge, cache).compare("a", "b", examples, texts)
    counts = Counter(judgment.verdict for judgment in judgments)
    verdicts = np.full(len(pairs), np.nan)
    for row, judgment in zip(asked, judgments, strict=True):
        verdicts[row] = _SIDES.get(judgment.verdict, np.nan)
    decided = np.where(np.isnan(verdicts), scored.margins, verdicts)
    clusters = prompt_clusters([pairs[row].asked for row in order])
    by_reward = agreement_of_margins(scored.margins, people)[order]
    by_both = agreement_of_margins(decided, people)[order]
    named = {"other": "b", "base": "a"}
    return {
        "reward": scored.name,
        "signature": config.judge.signature(),
        "settings": config.judge.settings(),
        "pairs": len(order),
        "asked": len(asked),
        "counts": {named.get(verdict, verdict): counts[verdict] for verdict in VERDICTS},
        "on_asked": {"reward": float(by_reward[: len(asked)].mean()), "judge": float(by_both[: len(asked)].mean())},
        "curve": [
            _point(count, np.concatenate([by_both[:count], by_reward[count:]]), clusters, confidence, len(order))
            for count in sorted({round(len(asked) * step / _STEPS) for step in range(_STEPS + 1)})
        ],
    }


def _point(
    count: int, outcomes: FloatArray, clusters: Sequence[object], confidence: float, total: int
) -> dict[str, Any]:
    found = rate_estimate(outcomes, clusters, confidence)
    low, high = (bound if math.isfinite(bound) else None for bound in (found.low, found.high))
    return {"share": count / total, "questions": 2 * count, "value": found.value, "low": low, "high": high}


def judge_sentence(judged: dict[str, Any]) -> str:
    """A sentence with the agreement at both ends of the curve."""
    first, last = judged["curve"][0], judged["curve"][-1]
    consistent = judged["counts"]["a"] + judged["counts"]["b"] + judged["counts"]["tie"]
    return (
        f"Judge: with {last['questions']:,} questions on the {judged['asked']:,} pairs of smallest margin, agreement "
        f"goes from {first['value']:.1%} ({judged['reward']} alone) to {last['value']:.1%}; on those pairs from "
        f"{judged['on_asked']['reward']:.1%} to {judged['on_asked']['judge']:.1%}. {consistent:,} verdicts hold in "
        "both orders; the reward decides the others."
    )
