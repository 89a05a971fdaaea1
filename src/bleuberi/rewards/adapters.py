"""Rewards in the formats of other trainers: verl, OpenRLHF, verifiers.

TRL needs no adapter. The adapters are small classes with a `__name__`, so workers can unpickle them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Final, Protocol

from bleuberi.errors import UserError
from bleuberi.rewards.base import Completion, Reward, completion_text, score_responses

if TYPE_CHECKING:
    import torch


_END_TOKEN: Final = re.compile(
    r"(?:<\|[^\s<>|]{1,40}\|>|<｜[^\s<>｜]{1,40}｜>|</s>|<eos>|<pad>|<end_of_turn>|<turn\|>)\Z"
)
"""What tokenizers write at a response's end; a chat template's own marks are among them."""
_SHORTEST_TAIL: Final = 16  # characters of a prompt that was cut at its beginning


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
        given = info.get("references")  # null if only other rows of the Parquet column have it
        if given is None or (isinstance(given, Sized) and not len(given)):
            given = ground_truth
        return score_one(self.reward, str(info.get("prompt") or ""), solution_str, read_references(given))


class OpenRlhfReward:
    """OpenRLHF's `reward_func(queries, prompts, labels)`. A query is the prompt plus the response, special tokens
    included; a label contains the references. The usual end tokens are removed; `end_of_text` lists further ones.
    OpenRLHF logs what a reward function raises and gives that response no reward."""

    def __init__(self, reward: Reward, *, end_of_text: Sequence[str] = ()) -> None:
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
        response = _behind_prompt(query, prompt).rstrip()
        before = ""
        while response != before:  # padding or a second mark may follow
            before = response
            for mark in self.end_of_text:
                response = response.removesuffix(mark).rstrip()
            response = _END_TOKEN.sub("", response).rstrip()
        return response


def _behind_prompt(query: str, prompt: str) -> str:
    """The part of the query after its prompt, which may follow a start token or have lost its beginning.

    Errors: `UserError` if the query does not begin with the prompt: the prompt would be scored as part of the response.
    """
    at = query.find(prompt)
    if at >= 0:
        return query[at + len(prompt) :]
    head = query[:_SHORTEST_TAIL]
    start = prompt.find(head)
    while len(head) == _SHORTEST_TAIL and start >= 0:
        if query.startswith(prompt[start:]):
            return query[len(prompt) - start :]
        start = prompt.find(head, start + 1)
    raise UserError(
        f"A query of OpenRLHF does not begin with its prompt: {query[:80]!r}",
        "The tokenizer changes the prompt when it decodes it. Use another tokenizer, or raise the prompt's length.",
    )


class VerifiersReward:
    """A reward function of verifiers (v1): `(task, trace) -> float`. The task's data has a field `references`."""

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.__name__ = reward.name

    async def __call__(self, task: VerifiersTask, trace: VerifiersTrace) -> float:
        return score_one(self.reward, _asked(task.prompt), trace.last_reply, read_references(task.references))


def _asked(prompt: object) -> str:
    """The text of a prompt, or of the last user turn of a prompt of messages (mappings or objects, text or parts)."""
    if not isinstance(prompt, list | tuple):
        return prompt if isinstance(prompt, str) else ""
    turns = [turn if isinstance(turn, Mapping) else vars(turn) for turn in prompt]
    content = next((turn.get("content") for turn in reversed(turns) if turn.get("role") == "user"), "")
    if isinstance(content, str):
        return content
    parts = [part if isinstance(part, Mapping) else vars(part) for part in content or ()]
    return "\n\n".join(str(part["text"]) for part in parts if isinstance(part.get("text"), str))


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
