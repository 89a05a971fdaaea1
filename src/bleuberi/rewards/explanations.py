"""Explain the score of any reward. BLEU, METEOR and chrF have detailed explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bleuberi.rewards import load_reward
from bleuberi.rewards.base import Reward
from bleuberi.rewards.bleu import Bleu
from bleuberi.rewards.chrf import Chrf
from bleuberi.rewards.chrf_explanation import ChrfExplanation, explain_chrf
from bleuberi.rewards.explanation import Explanation, explain
from bleuberi.rewards.meteor import Meteor
from bleuberi.rewards.meteor_explanation import MeteorExplanation, explain_meteor
from bleuberi.rewards.scripts import spaced
from bleuberi.rewards.tags import OnAnswer, tagged_answer


@dataclass(frozen=True, slots=True)
class ReferenceScore:
    """A response's score against a single reference."""

    text: str
    score: float | None


@dataclass(frozen=True, slots=True)
class ScoresAlone:
    """A response's score, and its score against each reference separately."""

    score: float | None
    response: str
    references: tuple[ReferenceScore, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """An explained score and the reward that computed it."""

    signature: str
    parts: Explanation | MeteorExplanation | ChrfExplanation | ScoresAlone


def explain_reward(name: str, prompt: str, response: str, references: Sequence[str]) -> Explained:
    """Explain the score of the named reward. Errors: `UserError` if the reward does not exist."""
    reward = load_reward(name)
    signature = reward.signature()
    if isinstance(reward, OnAnswer):
        response, reward = tagged_answer(response), reward.reward
    return Explained(signature, _parts(reward, prompt, response, references))


def _parts(
    reward: Reward, prompt: str, response: str, references: Sequence[str]
) -> Explanation | MeteorExplanation | ChrfExplanation | ScoresAlone:
    if isinstance(reward, Bleu) and not reward.flags and not reward.token_f1_when_short:
        if reward.tokens == "auto":
            response, references = spaced(response), list(map(spaced, references))
        return explain(response, references)
    if isinstance(reward, Meteor):
        return explain_meteor(reward.change(response), list(map(reward.change, references)), reward.flags)
    if isinstance(reward, Chrf):
        return explain_chrf(response, references, reward.flags)
    count = len(references)
    (score,) = reward(prompts=[prompt], responses=[response], references=[references])
    alone = reward(prompts=[prompt] * count, responses=[response] * count, references=[[text] for text in references])
    found = (ReferenceScore(text, value) for text, value in zip(references, alone, strict=True))
    return ScoresAlone(score, response, tuple(found))
