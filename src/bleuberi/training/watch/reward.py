"""Adapt rewards to TRL's calling convention."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bleuberi import columns
from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.rewards import Reward
from bleuberi.rewards.base import Completion, OverPool, Scores, checked_scores, completion_text, score_responses
from bleuberi.rewards.function import FunctionReward
from bleuberi.training.watch.handover import Handover, Scored
from bleuberi.training.watch.monitor import LogMetric


class TrlReward:
    """A reward for `GRPOTrainer(reward_funcs=...)`: takes batches of conversations, with columns as keywords."""

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
        **others: object,  # the other columns and the trainer's state
    ) -> list[float | None]:  # N; TRL leaves None out of the group's mean
        asked = [prompt if isinstance(prompt, str) else last_user_text(prompt) for prompt in prompts]
        texts = [completion_text(completion) for completion in completions]
        if isinstance(self.reward, FunctionReward):
            given = {"prompts": prompts, "completions": completions, "references": references, **others,
                     "completion_ids": completion_ids, "log_metric": log_metric}  # fmt: skip
            scores = checked_scores(self.reward.name, self.reward.call(given), len(texts))
        else:
            scores = score_responses(self.reward, prompts=asked, responses=texts, references=references)
        if self.handover is None or log_metric is None:
            return scores
        return self.handover(self.reward, Scored(asked, texts, references, completion_ids, scores), log_metric)


def score_rows(
    reward: Reward,
    rows: Sequence[Mapping[str, Any]],  # N, as the trainer sees them
    texts: Sequence[str],  # N, completions
    ids: Sequence[Sequence[int]],  # N, their tokens
) -> Scores:  # N
    """The scores that a training step would give these completions, without logging. Errors: `UserError`."""
    others: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    return TrlReward(reward)(
        prompts=others.pop("prompt"),
        completions=[[Message(role="assistant", content=text)] for text in texts],
        references=others.pop(columns.REFERENCES),
        completion_ids=ids,
        **others,
    )


def last_user_text(messages: Sequence[Message]) -> str:
    """The text of the last user turn, to which the response belongs, or an empty text."""
    return next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")


def trainable_rewards(rewards: Sequence[Reward], aggregation: str) -> list[Reward]:
    """The rewards to pass to a trainer. A reward that is a mean over the whole pool is replaced by its parts.

    The trainer standardises the parts within each prompt group, across processes. Errors: `UserError` if `aggregation`
    would add the parts without standardising them.
    """
    handed: list[Reward] = []
    for reward in rewards:
        parts = reward.parts if isinstance(reward, OverPool) and reward.over_whole_pool else ()
        if parts and aggregation != "normalize_then_sum":
            raise UserError(
                f"The reward {reward.name} is a mean of standardised parts; the trainer would add them as they are.",
                "Add --multi_objective_aggregation normalize_then_sum.",
            )
        handed += parts or [reward]
    return handed


def check_reward_columns(rewards: Sequence[Reward], columns: Collection[str]) -> None:
    """Errors: `UserError` if a reward function needs an argument for which the data set has no column."""
    for reward in rewards:
        if isinstance(reward, FunctionReward) and (missing := reward.missing(columns)):
            raise UserError(
                f"The reward function {reward.path} needs {', '.join(missing)}, and the data set has no such column.",
                f"Its columns: {', '.join(sorted(columns))}. Add it to the pool, or give the argument a default.",
            )
