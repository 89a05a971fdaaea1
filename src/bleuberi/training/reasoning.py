"""`--reasoning`: ask the model to think first, and score only the answer that follows."""

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
    """The rewards' names, changed to score the tagged answer (`answer:bleu`), except `format`, which scores the tags.

    Errors: `UserError` without `format`, because then no reward would teach the tags.
    """
    if _FORMAT not in names:
        raise UserError(
            "reasoning is on, and no reward scores the tags that it asks for.",
            f"Add the reward format: --reward_funcs {' '.join([*names, _FORMAT])}",
        )
    return [name if name == _FORMAT or name.startswith(_ON_ANSWER) else _ON_ANSWER + name for name in names]


def asked_to_reason(row: Mapping[str, Any]) -> dict[str, Any]:
    """Add the system turn that asks for tags to a GRPO data set's row, unless the row has it already."""
    return {**row, MESSAGES: with_reasoning(prompt_messages(row))}
