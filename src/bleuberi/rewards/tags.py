"""Reasoning and answer tags: check their format, and score only the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bleuberi.errors import UserError
from bleuberi.rewards.base import Reward, Scores, TextReward, traits_of

_FORM = re.compile(r"\s*<think>(?P<thought>.*?)</think>\s*<answer>(?P<answer>.*?)</answer>\s*", re.DOTALL)
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


class TagFormat(TextReward):
    """1.0 for `<think>...</think><answer>...</answer>`, each tag once, in this order, with only white space
    around; else 0.0. Newlines are allowed anywhere."""

    name = "format"
    needs_references = False

    def signature(self) -> str:
        return "format|tags:think+answer|each:once|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> Scores:
        return [float(is_well_formed(text)) for text in responses]


class OnAnswer(TextReward):
    """Applies another reward to the answer only; see `tagged_answer`.

    Errors: `UserError` for a reward over the whole pool; wrap its parts separately.
    """

    def __init__(self, reward: Reward) -> None:
        traits = traits_of(reward)
        if traits.over_whole_pool:
            raise UserError(
                f"The reward {reward.name} is a mean over the pool and cannot be combined with answer: as a whole.",
                "Use its parts separately, e.g. answer:bleu and answer:rm.",
            )
        self.reward = reward
        self.name = f"{reward.name}_on_answer"
        self.needs_references, self.needs_prompts = traits.needs_references, traits.needs_prompts

    def signature(self) -> str:
        return f"{self.reward.signature()}|on:first-answer-tag-or-behind-think-or-all"

    def blind_to(self, text: str) -> bool:
        return isinstance(self.reward, TextReward) and self.reward.blind_to(text)

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        answers = [tagged_answer(text) for text in responses]
        return self.reward(prompts=prompts or [""] * len(answers), responses=answers, references=references)


def is_well_formed(text: str) -> bool:
    """Whether the response consists of one tagged thought and one tagged answer."""
    # Count first: with many tags the pattern would try all pairs.
    return all(text.count(tag) == 1 for tag in _TAGS) and _FORM.fullmatch(text) is not None


def tagged_answer(text: str) -> str:
    """The text after the first `<answer>`, up to its end tag or the end of the response; without that tag, the text
    after the last `</think>`; without either, the whole response. Stripped."""
    _, tag, rest = text.partition("<answer>")
    if tag:
        return rest.partition("</answer>")[0].strip()
    return text.rpartition("</think>")[2].strip()
