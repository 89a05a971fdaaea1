"""Turn an SFT row into token ids and a loss mask. Knows chat templates; knows no trainer.

The mask covers the answer and the token that ends its turn, and nothing else: not the prompt, and not the line break
that many templates write behind the end token, which a model never gets to generate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bleuberi.errors import UserError
from bleuberi.generation.chat_format import prompt_ids, rendered
from bleuberi.records import Message


class SftTokens(NamedTuple):
    """Token ids of prompt and answer, and 1 where the loss is computed."""

    input_ids: list[int]  # T
    completion_mask: list[int]  # T, 0 or 1


def to_sft_tokens(
    tokenizer: Any,  # noqa: ANN401
    prompt: Sequence[Message],
    completion: Sequence[Message],
    row: object = None,  # its id, for errors
) -> SftTokens:
    """Render and mask one row; `tokenizer.eos_token` is the end of a turn (`load_policy_tokenizer` sees to it).

    Errors: `UserError` where the template renders the prompt differently once an answer follows.
    """
    asked = prompt_ids(tokenizer, list(prompt), row)
    text = rendered(tokenizer, [*prompt, *completion], row)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    if ids[: len(asked)] != asked:
        prompt_text = rendered(tokenizer, list(prompt), add_generation_prompt=True)
        if not text.startswith(prompt_text):
            raise UserError(
                "The chat template renders the prompt differently once an answer follows: the loss cannot be masked.",
                "Use a template that renders a turn the same way wherever it stands.",
            )
        # An answer that begins with a line break grows together with the prompt's last token; a policy, which is
        # asked the prompt's own tokens, has to write the answer as tokens of its own.
        ids = asked + tokenizer(text[len(prompt_text) :], add_special_tokens=False)["input_ids"]
    ends = [place for place in range(len(asked), len(ids)) if ids[place] == tokenizer.eos_token_id]
    ids = ids[: ends[-1] + 1] if ends else [*ids, tokenizer.eos_token_id]
    return SftTokens(ids, [0] * len(asked) + [1] * (len(ids) - len(asked)))
