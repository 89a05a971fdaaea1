"""A language model compares a response with the references and scores it: `judge:MODEL` or `judge:MODEL@URL`.

Any server with OpenAI's chat interface can be asked. Scores are cached in the user's cache folder.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi.artifacts import content_hash
from bleuberi.errors import UserError
from bleuberi.judge_prompt import REFERENCES_SHOWN, score_messages, score_prompt_text
from bleuberi.rewards.base import Scores, TextReward
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.chat_server import ChatModel, scores_file
from bleuberi.rewards.graders.model import read_number

log = logging.getLogger(__name__)

LOW: Final = 0.0
HIGH: Final = 10.0
SETTINGS: Final[Mapping[str, Any]] = {"temperature": 0.0, "max_tokens": 1024}


class JudgeReward(TextReward):
    """The judge's score from 0 to 10, divided by 10. It sees the request, the response and the first three references.

    A row has no score if the server refuses it or the last line of the reply is not a score. A blank response gets
    0.0 without a question. A whole reply without a score is cached like a score; a refused request and a reply that
    was cut are not.
    """

    name = "judge"
    needs_prompts = True

    def __init__(
        self,
        model: str,
        url: str = "",  # none: OPENAI_BASE_URL, else OpenAI's own server
        *,
        api_key_env: str = "OPENAI_API_KEY",
        settings: Mapping[str, Any] = SETTINGS,  # of each request, as the server names them
        timeout_seconds: float = 120.0,
        retries: int = 4,
    ) -> None:
        """Errors: `UserError` for no model, an invalid address, or OpenAI's own server without a key."""
        self.chat = ChatModel(model, url, api_key_env, dict(settings), timeout_seconds=timeout_seconds, retries=retries)
        self.chat.check()

    def signature(self) -> str:
        prompt = content_hash(score_prompt_text())[:8]
        return f"judge|{self.chat.signature()}|of:{HIGH:g}|references:{REFERENCES_SHOWN}|prompt:{prompt}|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        asking = _Asking(self.chat, self.signature())
        return CachedReward(asking, scores_file([self.chat])).score_rows(prompts, responses, references)


class _Asking(TextReward):
    """The judge without its cache. NaN: no usable reply came, so the next run asks again."""

    name = JudgeReward.name
    needs_prompts = True

    def __init__(self, chat: ChatModel, signature: str) -> None:
        self.chat, self._signature = chat, signature

    def signature(self) -> str:
        return self._signature

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        shown = [[text for text in texts if text.strip()] for texts in references]
        asked = [row for row, text in enumerate(responses) if text.strip() and shown[row]]
        replies = self.chat.replies(
            [score_messages(prompts[row], responses[row], shown[row], LOW, HIGH) for row in asked]
        )
        scores: Scores = [0.0 if texts else None for texts in shown]
        for row, reply in zip(asked, replies, strict=True):
            scores[row] = math.nan if not reply else _share(read_number(reply))
        if without := sum(scores[row] is None for row in asked):
            log.warning(
                "%d of %d replies of the judge do not end with a score: they are not scored", without, len(asked)
            )
        return scores


def named_judge(name: str, argument: str) -> JudgeReward:
    """The reward of `judge:MODEL` or `judge:MODEL@URL`. `argument`: the part after the colon. Errors: `UserError`."""
    model, at, rest = argument.rpartition("@http")
    model, url = (model, f"http{rest}") if at else (argument, "")
    if not model.strip():
        raise UserError(
            f"The reward {name!r} has no model.",
            "Write judge:MODEL or judge:MODEL@http://HOST:PORT/v1, with the model's name on its server.",
        )
    return JudgeReward(model, url)


def _share(number: float | None) -> float | None:
    """The score as a number from 0 to 1; None if it is missing or out of range."""
    if number is None or not LOW <= number <= HIGH:
        return None
    return (number - LOW) / (HIGH - LOW)
