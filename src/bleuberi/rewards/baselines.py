"""Baselines that a reward should beat: length, chance, the two factors of BLEU, and an echo of the prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from bleuberi.rewards import Bleu
from bleuberi.rewards.base import TextReward
from bleuberi.rewards.tokens import tokenize_13a

NO_WORD: Final = "\ue000"  # a private-use character: one 13a token that texts do not contain


class LongerInWords(TextReward):
    """The number of words (separated by spaces): the longer response wins."""

    name = "longer_words"

    def signature(self) -> str:
        return "longer_words|split:whitespace|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response.split())) for response in responses]


class LongerInCharacters(TextReward):
    """The number of characters: the longer response wins."""

    name = "longer_chars"

    def signature(self) -> str:
        return "longer_chars|unit:code-point|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [float(len(response)) for response in responses]


class RandomChoice(TextReward):
    """A coin toss: all scores are equal, and a tie counts half, which is a coin's average agreement."""

    name = "random"

    def signature(self) -> str:
        return "random|expectation|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        return [0.0 for _ in responses]


class BrevityPenaltyAlone(TextReward):
    """BLEU's brevity penalty alone: depends only on the length relative to the shortest reference."""

    name = "brevity_penalty"

    def signature(self) -> str:
        return "brevity_penalty|tok:13a|ref:shortest|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        length_of = {
            text: len(tokenize_13a(text)) for text in {*responses, *(t for texts in references for t in texts)}
        }
        return [
            _brevity_penalty(length_of[response], [length_of[text] for text in texts if length_of[text]])
            for response, texts in zip(responses, references, strict=True)
        ]


class BleuWithoutBrevityPenalty(TextReward):
    """BLEU's n-gram precision alone, without a penalty for short responses."""

    name = "bleu_no_bp"

    def signature(self) -> str:
        return f"bleu_no_bp|of:[{Bleu().signature()}]|v:1"

    def score_batch(self, responses: Sequence[str], references: Sequence[Sequence[str]]) -> list[float | None]:
        # An extra one-word reference that never matches sets the brevity penalty to 1.
        scores = Bleu()(
            prompts=[""] * len(responses), responses=responses, references=[[*texts, NO_WORD] for texts in references]
        )
        readable = {text: bool(tokenize_13a(text)) for text in {text for texts in references for text in texts}}
        return [
            score if any(readable[text] for text in texts) else None
            for score, texts in zip(scores, references, strict=True)
        ]


class EchoOfPrompt(TextReward):
    """BLEU of an echo: the last n words of the prompt, for a response of n words. Its words are not read."""

    name = "echo"
    needs_prompts = True

    def signature(self) -> str:
        return f"echo|words:last-of-prompt|of:[{Bleu().signature()}]|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> list[float | None]:
        echoes = [last_words(prompt, len(text.split())) for prompt, text in zip(prompts, responses, strict=True)]
        return Bleu()(prompts=prompts, responses=echoes, references=references)


REFERENCE_FREE_BASELINES: Final[tuple[type[TextReward], ...]] = (LongerInWords, LongerInCharacters, RandomChoice)
BASELINES: Final[tuple[type[TextReward], ...]] = (
    *REFERENCE_FREE_BASELINES,
    BrevityPenaltyAlone,
    BleuWithoutBrevityPenalty,
    EchoOfPrompt,
)
LENGTH_BASELINE: Final = LongerInWords.name
ECHO_BASELINE: Final = EchoOfPrompt.name
"""The baseline used in the verdict, chosen in advance."""


def last_words(text: str, count: int) -> str:
    """The last `count` words of the text, one space between them; all of them if it has fewer."""
    words = text.split()
    return " ".join(words[max(0, len(words) - count) :])


def _brevity_penalty(length: int, reference_lengths: Sequence[int]) -> float | None:
    if not reference_lengths:
        return None
    if not length:
        return 0.0
    ratio = length / min(reference_lengths)
    return 1.0 if ratio > 1.0 else math.exp(1.0 - 1.0 / ratio)
