"""What an engine is: conversations in, texts out. Knows sampling settings; knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol, runtime_checkable

from bleuberi.errors import UserError
from bleuberi.records import Conversation

FinishReason = Literal["stop", "length", "prompt_too_long", "refused", "no_answer", "unknown"]
"""`no_answer`: no try at this row gave a usable answer, and the others were still asked. `unknown`: the response was
made elsewhere, and its file has no reason. Neither is kept in a cache."""

FINISH_WORDS: Final[dict[str, FinishReason]] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "end_turn", "stop_sequence"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length"), "length"),
    "content_filter": "refused",
}
"""What servers call the end of a response, and what it means here."""

_NOT_ANSWERED: Final = {
    "prompt_too_long": "prompts too long for the model",
    "no_answer": "prompts without a usable answer",
}
"""The finish reasons of rows that never have a response, and the words under which data creation counts them."""

MOST_TOKENS: Final = 2**53  # a larger count is not a count, and not every reader of JSON takes it


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn; the same in every engine. Nothing else is in force, whatever a model's files suggest.

    `temperature` 0 is greedy; `top_p` 1 and `top_k` 0 switch those limits off. The method's defaults.
    """

    max_new_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 0
    seed: int = 42

    def check(self) -> None:
        """Errors: `UserError` for a setting that means nothing."""
        if self.max_new_tokens < 1:
            raise UserError(f"The most new tokens are {self.max_new_tokens}.", "Give a number of at least 1, e.g. 512.")
        if not 0 <= self.temperature < float("inf"):
            raise UserError(f"The temperature is {self.temperature}.", "Give 0 (greedy) or more.")
        if not 0 < self.top_p <= 1 or self.top_k < 0:
            raise UserError(f"top_p is {self.top_p} and top_k {self.top_k}.", "Give 0 < top_p <= 1, and top_k >= 0.")
        if not 0 <= self.seed < 2**32:
            raise UserError(f"The seed {self.seed} is out of range.", "Give a whole number from 0 to 4294967295.")

    def settings(self) -> dict[str, Any]:
        return asdict(self)

    def signature(self) -> str:
        """E.g. `temp:0.7|top_p:0.9|top_k:0|max:512|seed:42`; greedy decoding depends on `max` alone."""
        if self.temperature == 0:
            return f"greedy|max:{self.max_new_tokens}"
        return (
            f"temp:{self.temperature}|top_p:{self.top_p}|top_k:{self.top_k}|max:{self.max_new_tokens}|seed:{self.seed}"
        )


class Output(NamedTuple):
    """One answer. `tokens` counts what was generated, the end token included."""

    text: str
    finish_reason: FinishReason
    tokens: int
    served_model: str = ""  # the model as the server that answered names it, e.g. with its date
    served_on: str = ""  # the day of the answer, where the model behind a name can change

    @property
    def unanswered(self) -> str | None:
        """Why there is no response, in the words under which such rows are counted; None if there is one."""
        if self.finish_reason == "refused" and not self.text:
            return "prompts that the server's filter stopped"
        return _NOT_ANSWERED.get(self.finish_reason)


OnOutput = Callable[[Output], None]


class Engine(Protocol):
    """Answers conversations with one model that it has loaded, a shard in one call."""

    shard_rows: int  # so many rows are asked in one call, and are kept or lost together

    def generate(
        self,
        conversations: Sequence[Conversation],  # N
        sampling: Sampling,
        seed: int,  # of this call, derived from its rows
        on_output: OnOutput,  # told of each answer as it comes, for progress
    ) -> list[Output]:  # N
        """Answer all. A prompt too long for the model gets the finish reason `prompt_too_long` and no text."""
        ...


class Shard(NamedTuple):
    """Questions that are answered in one call, with what names their answers and decides them."""

    name: str
    keys: list[str]  # N, the questions' keys in the cache
    conversations: list[Conversation]  # N
    seed: int


@runtime_checkable
class ShardingEngine(Protocol):
    """Answers several shards at once, each as an `Engine` would: the same texts, in any order of shards."""

    @property
    def shard_rows(self) -> int:
        """As an `Engine` has it."""
        ...

    def answer_shards(self, shards: Iterable[Shard], sampling: Sampling) -> Iterator[tuple[Shard, list[Output]]]:
        """Answer all; takes from `shards` as work gets done."""
        ...


class Request(NamedTuple):
    """One question of a stream, with a seed of its own."""

    key: str
    conversation: Conversation
    seed: int


@runtime_checkable
class StreamingEngine(Protocol):
    """Answers one by one, in any order: no row waits for its shard, and each is kept as it comes."""

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        """Answer all, with several in work at once; takes from `requests` as work gets done.

        `requests` may run dry while rows are in work, and have more later: an engine that looks again gets them.
        """
        ...


@runtime_checkable
class JudgesByAnswers(Protocol):
    """An engine for which an error is about one row if the model has answered another, now or in an earlier run."""

    has_answered: bool


AnyEngine = Engine | StreamingEngine | ShardingEngine
