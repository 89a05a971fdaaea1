"""A reward model behind a URL. Knows HTTP and patience; knows nothing of the model.

One request a row: `POST url {"model", "messages", "use_activation": false}`, as vLLM's `/classify` and `/pooling` take
it. The number is read from vLLM's answers, or from `{"rewards": [x]}`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence

from bleuberi.errors import UserError
from bleuberi.redaction import redact
from bleuberi.rewards.base import Scores, TextReward
from bleuberi.strict_json import strict_json
from bleuberi.web_address import check_web_address

RETRIED = {408, 409, 425, 429, 500, 502, 503, 504}


class ServedRewardModel(TextReward):
    """The output of a served reward model. Transient failures are tried again, each time after twice the wait."""

    name = "rm"
    needs_references = False
    needs_prompts = True

    def __init__(
        self,
        url: str,
        *,
        model: str = "",
        timeout_seconds: float = 60.0,
        retries: int = 4,
        wait_seconds: float = 1.0,
        at_once: int = 16,
    ) -> None:
        """Errors: `UserError` for a URL without a host."""
        check_web_address(url, "The reward model's URL")
        self.url, self.model = url, model
        self.timeout_seconds, self.retries, self.wait_seconds, self.at_once = (
            timeout_seconds,
            retries,
            wait_seconds,
            at_once,
        )

    def signature(self) -> str:
        return f"rm|served:{redact(self.url)}|model:{self.model or 'default'}|v:1"

    def score_rows(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[Sequence[str]]
    ) -> Scores:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.at_once) as pool:
            return list(pool.map(self._score_one, prompts, responses))

    def _score_one(self, prompt: str, response: str) -> float:
        """The model's number; NaN if it answers null, the only word that strict JSON has for a missing number."""
        import urllib.error
        import urllib.request
        from http.client import HTTPException

        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
        body = {"messages": messages, "use_activation": False, **({"model": self.model} if self.model else {})}
        request = urllib.request.Request(
            self.url, strict_json(body, ascii_only=True).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        for attempt in range(self.retries + 1):
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_seconds) as answer:
                    return self._number(answer.read())
            except urllib.error.HTTPError as error:
                reason = f"HTTP {error.code} {error.reason}"
                if error.code not in RETRIED:
                    raise UserError(
                        f"The reward model at {redact(self.url)} refused: {reason}.",
                        "Check the URL and the model's name.",
                    ) from error
            except (OSError, HTTPException) as error:  # HTTPException: the server went away within its answer
                reason = str(error) or type(error).__name__
            if attempt < self.retries:
                time.sleep(self.wait_seconds * 2**attempt)
        raise UserError(
            f"The reward model at {redact(self.url)} gave no answer in {self.retries + 1} attempts: {reason}.",
            "Check that the server runs, or raise timeout_seconds or retries.",
        )

    def _number(self, answer: bytes) -> float:
        """The one number of an answer. Errors: `UserError` quoting an answer that has none."""
        try:
            value: object = json.loads(answer, parse_int=float)  # whole numbers have no limit: they become infinite
            if isinstance(value, Mapping):
                value = value["rewards"] if "rewards" in value else value["data"][0]
            if isinstance(value, Mapping):
                value = value["probs"] if "probs" in value else value["data"]
            while isinstance(value, list) and len(value) == 1:
                value = value[0]
        except (ValueError, RecursionError, KeyError, IndexError, TypeError):
            value = ""
        if value is None:
            return math.nan
        if isinstance(value, float):
            return value
        raise UserError(
            f"The reward model at {redact(self.url)} answered without one number: {answer!r:.200}",
            'Expected vLLM\'s /classify or /pooling with one label, or {"rewards": [number]}.',
        )
