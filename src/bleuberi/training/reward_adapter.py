"""Hand a reward to TRL. Knows TRL's calling convention; knows nothing of how rewards are computed."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.records import Message
from bleuberi.rewards import Reward
from bleuberi.rewards.base import Completion, completion_text


class TrlReward:
    """A reward as `GRPOTrainer(reward_funcs=...)` calls it: batches of conversations, columns as keywords."""

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.__name__ = reward.name  # TRL logs under it

    def __call__(
        self,
        *,
        prompts: Sequence[str | Sequence[Message]],  # N
        completions: Sequence[Completion],  # N
        references: Sequence[Sequence[str]],  # N, the data set's column
        **_: object,  # the other columns, the trainer's state and its log functions
    ) -> list[float | None]:  # N; TRL leaves None out of the group's mean
        return self.reward(
            prompts=[prompt if isinstance(prompt, str) else last_user_text(prompt) for prompt in prompts],
            responses=[completion_text(completion) for completion in completions],
            references=references,
        )


def last_user_text(messages: Sequence[Message]) -> str:
    """The text of the last user turn, which is what the answer answers."""
    return next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")
