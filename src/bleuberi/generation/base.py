"""The interface of engines, which generate responses to conversations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

from bleuberi.errors import UserError
from bleuberi.flags import flag
from bleuberi.records import Conversation

FinishReason = Literal["stop", "length", "prompt_too_long", "refused", "no_answer", "unknown"]
"""`no_answer`: no attempt at this row gave a usable answer, but the run continued. `unknown`: the response comes from a
file without a finish reason. Neither is cached."""

FINISH_WORDS: Final[dict[str, FinishReason]] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "max_length", "model_length"), "length"),
    "content_filter": "refused",
}
"""Servers' finish reasons -> ours."""

_NOT_ANSWERED: Final = {
    "prompt_too_long": "prompts too long for the model",
    "no_answer": "prompts without a usable answer",
}
"""Finish reasons of rows without a response -> their description in data creation's counts."""

MOST_TOKENS: Final = 2**53  # larger counts are invalid, and not all JSON readers accept them


def is_whole(text: str, finish_reason: str | None) -> bool:
    """Whether a response has text and was not cut at the token limit, as far as that is known."""
    return bool(text.strip()) and finish_reason != "length"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings, the same in every engine. Defaults in a model's files are ignored.

    `temperature` 0 is greedy; `top_p` 1 and `top_k` 0 are off. The default values are the method's.
    """

    max_new_tokens: int = flag(512, "maximum tokens per response")
    temperature: float = flag(0.7, "0 is greedy")
    top_p: float = flag(0.9, "1 is off")
    top_k: int = flag(0, "0 is off")
    seed: int = flag(42, "random seed")

    def check(self) -> None:
        """Errors: `UserError` for an invalid setting."""
        if self.max_new_tokens < 1:
            raise UserError(f"max_new_tokens must be at least 1 (got {self.max_new_tokens}).", "Give e.g. 512.")
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"temperature must be at least 0 (got {self.temperature}).", "0 is greedy.")
        if not 0 < self.top_p <= 1 or self.top_k < 0:
            raise UserError(
                f"Invalid top_p={self.top_p} or top_k={self.top_k}.", "Give 0 < top_p <= 1, and top_k >= 0."
            )
        if not 0 <= self.seed < 2**32:
            raise UserError(f"The seed {self.seed} is out of range.", "Give an integer from 0 to 4294967295.")

    def settings(self) -> dict[str, Any]:
        return asdict(self)

    def signature(self) -> str:
        """All settings as one text, e.g. `temp:0.7|top_p:0.9|top_k:0|max:512|seed:42`; greedy decoding depends only on
        `max`."""
        if self.temperature == 0:
            return f"greedy|max:{self.max_new_tokens}"
        return (
            f"temp:{self.temperature}|top_p:{self.top_p}|top_k:{self.top_k}|max:{self.max_new_tokens}|seed:{self.seed}"
        )


class Output(NamedTuple):
    """One response. `tokens` is the number of generated tokens, including the end token."""

    text: str
    finish_reason: FinishReason
    tokens: int
    served_model: str = ""  # the model name reported by the server, e.g. with a date
    served_on: str = ""  # the day of the answer, if the model of this name may change

    @property
    def unanswered(self) -> str | None:
        """The reason for a missing response, as used in counts; None if there is a response."""
        if self.finish_reason == "refused" and not self.text:
            return "prompts that the server's filter stopped"
        return _NOT_ANSWERED.get(self.finish_reason)


OnOutput = Callable[[Output], None]


class Engine(Protocol):
    """Answers conversations with one loaded model, one shard per call."""

    shard_rows: int  # rows per call, which are stored or lost together

    def generate(
        self,
        conversations: Sequence[Conversation],  # N
        sampling: Sampling,
        seed: int,  # for this call, derived from its rows
        on_output: OnOutput,  # called for each answer, to show progress
    ) -> list[Output]:  # N
        """Generate a response per conversation. A too long prompt gets the finish reason `prompt_too_long` and an empty
        text."""
        ...


class Shard(NamedTuple):
    """Conversations answered in one call, with their cache keys and sampling seed."""

    name: str
    keys: list[str]  # N, the questions' keys in the cache
    conversations: list[Conversation]  # N
    seed: int


@runtime_checkable
class ShardingEngine(Protocol):
    """Generates several shards at once, in any order; the texts equal those of an `Engine`."""

    @property
    def shard_rows(self) -> int:
        """The number of rows per shard, as in `Engine`."""
        ...

    def answer_shards(self, shards: Iterable[Shard], sampling: Sampling) -> Iterator[tuple[Shard, list[Output]]]:
        """Generate the responses of all shards, and take further shards from the iterable as earlier ones finish."""
        ...


class Request(NamedTuple):
    """One conversation of a stream, with its own seed."""

    key: str
    conversation: Conversation
    seed: int


@runtime_checkable
class StreamingEngine(Protocol):
    """Answers row by row, in any order; each answer is stored immediately."""

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        """Generate a response per request, several at once, and take further requests as earlier ones finish.

        `requests` may be empty for a while and have more later, so engines should read again after finishing rows.
        """
        ...


@runtime_checkable
class JudgesByAnswers(Protocol):
    """An engine that attributes an error to the row, not the server, if the model has answered another row before."""

    has_answered: bool


AnyEngine = Engine | StreamingEngine | ShardingEngine
