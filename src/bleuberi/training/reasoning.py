"""`--reasoning`: the model is asked to think first, and its rewards score the answer that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bleuberi.columns import MESSAGES
from bleuberi.data.grpo_rows import prompt_messages
from bleuberi.data.reasoning import with_reasoning
from bleuberi.errors import UserError

_FORMAT: Final = "format"
_ON_ANSWER: Final = "answer:"


def rewards_of_answers(names: Sequence[str]) -> list[str]:
    """The rewards' names, each on the tagged answer (`answer:bleu`), except `format`, which scores the tags.

    Errors: `UserError` without `format`: no reward would teach the tags.
    """
    if _FORMAT not in names:
        raise UserError(
            "reasoning is on, and no reward scores the tags that it asks for.",
            f"Add the reward format: --reward_funcs {' '.join([*names, _FORMAT])}",
        )
    return [name if name == _FORMAT or name.startswith(_ON_ANSWER) else _ON_ANSWER + name for name in names]


def asked_to_reason(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a GRPO data set with the system turn that asks for tags, once if the data set has it already."""
    return {**row, MESSAGES: with_reasoning(prompt_messages(row))}
