"""Use a reward function written for TRL (sync or async) as a reward."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from bleuberi.artifacts import content_hash
from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.rewards.base import Scores, checked_scores

GIVEN_BY_TRAINER: Final = frozenset(
    {"prompts", "completions", "completion_ids", "trainer_state", "log_extra", "log_metric"}
)
"""Keywords that TRL passes to a reward function in addition to the dataset columns."""


class FunctionReward:
    """`function(prompts=..., completions=..., **columns)`, which returns one number or None per completion.

    Outside of training, prompts and completions are one-turn conversations and `references` is the only column.
    """

    def __init__(self, function: Callable[..., Any], path: str) -> None:
        """`path`: the name given by the user, for messages and the signature."""
        self.function = function
        self.path = path
        self.name = str(getattr(function, "__name__", type(function).__name__))

    @property
    def __name__(self) -> str:
        return self.name

    def signature(self) -> str:
        """The path and a hash of the source, so that two versions of a function have different signatures."""
        return f"{self.path}|function|source:{_source_hash(self.function)}"

    def missing(self, columns: Collection[str]) -> list[str]:
        """The required arguments that neither the trainer nor these columns provide."""
        return sorted(_required(self.function) - GIVEN_BY_TRAINER - set(columns))

    def __call__(
        self,
        *,
        prompts: Sequence[str],  # N
        responses: Sequence[str],  # N
        references: Sequence[Sequence[str]],  # N
    ) -> Scores:  # N
        """Score texts without a trainer. Errors: `UserError` if the function needs more than texts and references."""
        given = {
            "prompts": [[Message(role="user", content=text)] for text in prompts],
            "completions": [[Message(role="assistant", content=text)] for text in responses],
            "references": references,
        }
        missing = sorted(_required(self.function) - given.keys())
        if missing:
            raise UserError(
                f"The reward function {self.path} needs {', '.join(missing)}, available only during training.",
                "Use it only in bleuberi train grpo, or write a reward that scores texts.",
            )
        return checked_scores(self.name, self.call(given), len(responses))

    def call(self, given: Mapping[str, Any]) -> Iterable[Any]:
        """Call the function with those of `given` it accepts. Errors: `UserError` if it does not return a list."""
        parameters = inspect.signature(self.function).parameters.values()
        if all(parameter.kind != inspect.Parameter.VAR_KEYWORD for parameter in parameters):
            given = {parameter.name: given[parameter.name] for parameter in parameters if parameter.name in given}
        result = self.function(**given)
        if inspect.isawaitable(result):
            result = asyncio.run(_awaited(result))
        if not isinstance(result, Iterable) or isinstance(result, str | Mapping):
            raise UserError(
                f"The reward function {self.path} returned {result!r:.60}.",
                "A reward function must return a list with one number or None per completion.",
            )
        return result


async def _awaited(result: Any) -> Any:  # noqa: ANN401 - any awaitable
    return await result


def _required(function: Callable[..., Any]) -> set[str]:
    """The names of arguments without a default."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.kind in named and one.default is inspect.Parameter.empty}


def _source_hash(function: Callable[..., Any]) -> str:
    """Hash the source of a function, or of a callable object's class plus the object's values."""
    is_function = inspect.isfunction(function)
    try:
        source = inspect.getsource(function if is_function else type(function))
    except (OSError, TypeError):  # no Python source
        source = repr(type(function))
    values = {} if is_function else getattr(function, "__dict__", {})
    return content_hash(source, *(f"{name}={value!r}" for name, value in sorted(values.items())))[:12]
