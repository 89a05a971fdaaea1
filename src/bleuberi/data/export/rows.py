"""Convert one example to a row of another trainer's data set. Versions that were read: tests/trainers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bleuberi import columns
from bleuberi.records import Example
from bleuberi.strict_json import strict_json

Row = dict[str, Any]


def trl_row(example: Example, number: int) -> Row:
    """A row for TRL's GRPOTrainer: a conversational `prompt`; all other columns go to the reward functions."""
    return {
        columns.PROMPT: example.messages,
        columns.REFERENCES: example.references,
        columns.ID: example.id,
        columns.SOURCE: example.source,
    }


def verl_row(example: Example, number: int) -> Row:
    """A row for verl's RLHFDataset. `ground_truth` is a JSON list, so that rows with another number of references, or
    of another data set, keep one column type. `number` counts from 0."""
    return {
        "data_source": example.source,
        columns.PROMPT: example.messages,
        "ability": "instruction",
        "reward_model": {"style": "rule", "ground_truth": strict_json(example.references)},
        "extra_info": {"index": number, "id": example.id, "prompt": example.prompt},
    }


def openrlhf_row(example: Example, number: int) -> Row:
    """A row for OpenRLHF's PromptDataset: a prompt of turns, and a label that is passed unchanged to the reward
    function."""
    return {
        columns.PROMPT: example.messages,
        "label": strict_json(example.references),
        "datasource": example.source,
        columns.ID: example.id,
    }


def verifiers_row(example: Example, number: int) -> Row:
    """The fields of a `TaskData` of verifiers with `references`: one user turn as text, a longer talk as turns."""
    turns = example.messages
    system = turns[0]["content"] if turns[0]["role"] == "system" else None
    asked = turns[1:] if system is not None else turns
    prompt: Any = asked[0]["content"] if len(asked) == 1 and asked[0]["role"] == "user" else asked
    return {
        columns.ID: example.id,
        columns.PROMPT: prompt,
        **({} if system is None else {"system_prompt": system}),
        columns.REFERENCES: example.references,
    }


TARGETS: Final[Mapping[str, Callable[[Example, int], Row]]] = {
    "trl": trl_row,
    "verl": verl_row,
    "openrlhf": openrlhf_row,
    "verifiers": verifiers_row,
}
"""Shapes of one row per example; `dpo` has pairs (`pairs.py`)."""
