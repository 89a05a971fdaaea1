"""Hand a reward to TRL. Knows TRL's calling convention; knows nothing of how rewards are computed."""

from __future__ import annotations

from collections.abc import Sequence

from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.rewards import Reward
from bleuberi.rewards.base import Completion, completion_text, score_responses
from bleuberi.training.watch.handover import Handover, Scored
from bleuberi.training.watch.monitor import LogMetric


class TrlReward:
    """A reward as `GRPOTrainer(reward_funcs=...)` calls it: batches of conversations, columns as keywords."""

    def __init__(self, reward: Reward, handover: Handover | None = None) -> None:
        self.reward = reward
        self.handover = handover
        self.__name__ = reward.name  # TRL logs under it

    def __call__(
        self,
        *,
        prompts: Sequence[str | Sequence[Message]],  # N
        completions: Sequence[Completion],  # N
        references: Sequence[Sequence[str]],  # N, the data set's column
        completion_ids: Sequence[Sequence[int]] = (),  # N
        log_metric: LogMetric | None = None,  # averaged over processes and steps, and logged
        **_: object,  # the other columns and the trainer's state
    ) -> list[float | None]:  # N; TRL leaves None out of the group's mean
        asked = [prompt if isinstance(prompt, str) else last_user_text(prompt) for prompt in prompts]
        texts = [completion_text(completion) for completion in completions]
        scores = score_responses(self.reward, prompts=asked, responses=texts, references=references)
        if self.handover is None or log_metric is None:
            return scores
        return self.handover(self.reward, Scored(asked, texts, references, completion_ids, scores), log_metric)


def last_user_text(messages: Sequence[Message]) -> str:
    """The text of the last user turn, which is what the answer answers."""
    return next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")


def trainable_rewards(rewards: Sequence[Reward], aggregation: str) -> list[Reward]:
    """The rewards that a trainer is handed: one that is a mean over a pool goes in as its parts.

    The trainer standardises the parts within each prompt group, across processes. Errors: `UserError` where it is told
    to add them up unstandardised.
    """
    handed: list[Reward] = []
    for reward in rewards:
        parts: Sequence[Reward] = getattr(reward, "parts", ()) if getattr(reward, "over_whole_pool", False) else ()
        if parts and aggregation != "normalize_then_sum":
            raise UserError(
                f"The reward {reward.name} is a mean of standardised parts; the trainer would add them as they are.",
                "Add --multi_objective_aggregation normalize_then_sum.",
            )
        handed += parts or [reward]
    return handed
