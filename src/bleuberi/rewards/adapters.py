"""Rewards in the formats of other trainers: verl, OpenRLHF, verifiers.

TRL needs no adapter. The adapters are small classes with a `__name__`, so workers can unpickle them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bleuberi.errors import UserError
from bleuberi.rewards.base import Completion, Reward, completion_text, score_responses

if TYPE_CHECKING:
    import torch


class VerifiersTask(Protocol):
    """The fields of a verifiers task that the adapter reads."""

    @property
    def prompt(self) -> object: ...
    @property
    def references(self) -> object: ...


class VerifiersTrace(Protocol):
    """The fields of a verifiers rollout that the adapter reads."""

    @property
    def last_reply(self) -> str: ...


def score_one(reward: Reward, prompt: str, response: str, references: Sequence[str]) -> float:
    """The score of one response. Errors: `UserError` if it cannot be scored, because a trainer would treat any
    placeholder number as a real score."""
    (score,) = score_responses(reward, prompts=[prompt], responses=[response], references=[list(references)])
    if score is None:
        raise UserError(
            f"The reward {reward.name} cannot score this row: all references are blank, or the score is not finite.",
            f"Drop the row from the data. Its prompt begins: {prompt[:80]!r}",
        )
    return score


def read_references(value: object) -> list[str]:
    """Read references from a ground-truth field: a list, one text, or a list written as JSON (`["a", "b"]`)."""
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                texts = json.loads(value)
            except (ValueError, RecursionError):  # ValueError also for numbers with too many digits
                return [value]
            if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
                return texts
        return [value]
    if isinstance(value, Mapping) and "references" in value:
        return read_references(value["references"])
    if hasattr(value, "tolist"):  # Parquet gives lists as arrays
        value = value.tolist()
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        return list(value)
    raise UserError(f"Cannot read references from {value!r:.80}.", "Give a list of texts, one text, or a list as JSON.")


class VerlScore:
    """verl's `compute_score`. References are the row's `ground_truth`, or `extra_info["references"]`."""

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.__name__ = f"verl_{reward.name}"

    def __call__(
        self,
        data_source: str,
        solution_str: str,
        ground_truth: object,
        extra_info: Mapping[str, object] | None = None,
        **_: object,
    ) -> float:
        info = extra_info or {}
        references = read_references(info.get("references", ground_truth))
        return score_one(self.reward, str(info.get("prompt", "")), solution_str, references)


class OpenRlhfReward:
    """OpenRLHF's `reward_func(queries, prompts, labels)`. A query is the prompt plus the response; a label contains the
    references. `end_of_text` lists the tokenizer's end-of-response markers."""

    def __init__(self, reward: Reward, *, end_of_text: Sequence[str] = ("<|im_end|>", "<|eot_id|>", "</s>")) -> None:
        self.reward, self.end_of_text = reward, tuple(end_of_text)
        self.__name__ = f"openrlhf_{reward.name}"

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[object], **_: object
    ) -> dict[str, object]:
        import torch

        scores = torch.tensor(
            [
                score_one(self.reward, prompt, self._response(query, prompt), read_references(label))
                for query, prompt, label in zip(queries, prompts, labels, strict=True)
            ]
        )
        logs: dict[str, torch.Tensor] = {self.reward.name: scores}
        return {"rewards": scores, "scores": scores, "extra_logs": logs}

    def _response(self, query: str, prompt: str) -> str:
        response = query.removeprefix(prompt).rstrip()
        for mark in self.end_of_text:
            response = response.removesuffix(mark)
        return response


class VerifiersReward:
    """A reward function of verifiers (v1): `(task, trace) -> float`. The task's data has a field `references`."""

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.__name__ = reward.name

    async def __call__(self, task: VerifiersTask, trace: VerifiersTrace) -> float:
        prompt = task.prompt if isinstance(task.prompt, str) else ""
        return score_one(self.reward, prompt, trace.last_reply, read_references(task.references))


class RubricReward:
    """A reward function of a `Rubric` (verifiers before v1). References are `info["references"]`, or else `answer`."""

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.__name__ = reward.name

    async def __call__(
        self,
        completion: Completion,
        answer: str = "",
        info: Mapping[str, object] | None = None,
        prompt: Completion = "",
        **_: object,
    ) -> float:
        references = read_references((info or {}).get("references", answer))
        return score_one(self.reward, completion_text(prompt), completion_text(completion), references)
