"""`score_model`: the score is a language model's number."""

from __future__ import annotations

import json
import math
import re
from typing import Final

from bleuberi.artifacts import content_hash
from bleuberi.records import Message
from bleuberi.rewards.chat_server import ChatModel
from bleuberi.rewards.graders.templates import Sample, Template, all_fields
from bleuberi.strict_json import as_finite

CLOSING: Final = (
    "\n\nEnd your reply with one line that has the score and nothing else, as a number from {low:g} to {high:g}."
)
_NUMBER: Final = re.compile(r"[\s*_`\"]*+(?:score|result)?[\s*_`\":=]*+(-?\d++(?:\.\d++)?)[\s*_`.\"]*+", re.IGNORECASE)
_THOUGHT: Final = "<think"
_THOUGHT_END: Final = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


class ScoreModel:
    """The number on the last line of the judge's reply. A missing number, or one out of range, gives no score.

    NaN means that no usable reply came, so asking again may help.
    """

    def __init__(self, chat: ChatModel, turns: list[tuple[str, Template]], low: float, high: float) -> None:
        self.chat, self.turns, self.low, self.high = chat, turns, low, high
        self.judges = (chat,)
        self.fields = all_fields([template for _, template in turns])
        self.needs_prompts = any(template.needs_prompts for _, template in turns)

    def signature(self) -> str:
        asked = content_hash(CLOSING, *(part for role, template in self.turns for part in (role, template.text)))[:12]
        return f"score_model|{self.chat.signature()}|range:{self.low:g}..{self.high:g}|prompt:{asked}"

    def score(self, samples: list[Sample]) -> list[float | None]:
        asked = [self._messages(sample) for sample in samples]
        replies = iter(self.chat.replies([turns for turns in asked if turns is not None]))
        scores: list[float | None] = []
        for turns in asked:
            if turns is None:  # not the JSON that a template asks for
                scores.append(self.low)
                continue
            if not (reply := next(replies)):
                scores.append(math.nan)
                continue
            number = read_number(reply)
            scores.append(number if number is not None and self.low <= number <= self.high else None)
        return scores

    def _messages(self, sample: Sample) -> list[Message] | None:
        turns = []
        for role, template in self.turns:
            text = template.fill(sample)
            if text is None:
                return None
            turns.append(Message(role=role, content=text))
        turns[-1]["content"] += CLOSING.format(low=self.low, high=self.high)
        return turns


def read_number(reply: str) -> float | None:
    """The number of the last line, or `result` or `score` of a reply that is JSON; None if there is neither."""
    said = _THOUGHT_END.split(reply)[-1].strip()
    if _THOUGHT in said.lower():  # it never ended
        return None
    try:
        value = json.loads(said)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        value = value.get("result", value.get("score"))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return as_finite(value)
    lines = [line for line in said.splitlines() if line.strip()]
    found = _NUMBER.fullmatch(lines[-1]) if lines else None
    return float(found[1]) if found else None
