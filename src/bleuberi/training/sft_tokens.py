"""Turns an SFT row into token ids and a loss mask.

The input begins with the very prompt that generation begins with, and the loss covers the response and the token that
ends its turn. Chat templates write other things around a response too (a second end token, a line break, an empty
thought, a header): none of them is in the loss.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from bleuberi.generation.chat_format import prompt_ids
from bleuberi.records import Message

_PROBE: Final = "qzx"
_EMPTY_THOUGHT: Final = re.compile(r"\s*<think>\s*</think>\s*")
_CLOSED: Final = "\n</think>\n\n"


class SftTokens(NamedTuple):
    """Token ids of prompt and response, and 1 where the loss is computed."""

    input_ids: list[int]  # T
    completion_mask: list[int]  # T, 0 or 1


class SftEncoder:
    """Renders rows and masks their loss; `tokenizer.eos_token` ends a turn (`load_policy_tokenizer` sets it).

    `note` describes how a template is handled that writes more than a response into an assistant's turn; otherwise it
    is empty.
    """

    def __init__(self, tokenizer: Any) -> None:  # noqa: ANN401 - any transformers tokenizer
        self._tokenizer = tokenizer
        asked = [Message(role="user", content=_PROBE)]
        prompt = str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))
        before = self._with_response(asked, _PROBE).rpartition(_PROBE)[0]
        between = before.removeprefix(prompt) if before.startswith(prompt) else None
        self._strips = f" {_PROBE} " not in self._with_response(asked, f" {_PROBE} ")
        self._opens_thought = prompt.rstrip().endswith("<think>")
        self._context, self._lead, self.note = _around(between, self._opens_thought)

    def __call__(self, prompt: Sequence[Message], completion: Sequence[Message], row: object = None) -> SftTokens:
        """Encode one row. `completion` is its last turn; `row` is its id, for error messages."""
        response = completion[-1]["content"]
        response = response.strip() if self._strips else response
        asked, context = prompt_ids(self._tokenizer, list(prompt), row), self._context
        if self._opens_thought and "</think>" in response:  # it brings its own thought
            response, context = response.lstrip().removeprefix("<think>").lstrip("\n"), ""
        asked += self._ids(context)
        learnt = [*self._ids(self._lead + response), self._tokenizer.eos_token_id]
        return SftTokens([*asked, *learnt], [0] * len(asked) + [1] * len(learnt))

    def _with_response(self, asked: list[Message], response: str) -> str:
        turns = [*asked, Message(role="assistant", content=response)]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False))

    def _ids(self, text: str) -> list[int]:
        # By itself, as generation continues a prompt: no token spans the end of the prompt.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def _around(between: str | None, opens_thought: bool) -> tuple[str, str, str]:
    """The text to add to the prompt, the white space that begins a response, and what to say about it.

    `between`: the template's text between a prompt and a response; None if it writes the prompt otherwise then.
    """
    if opens_thought:
        text = between or _CLOSED
        return text, "", f"prompts end in an open thought: {text!r} closes it before a response, outside the loss"
    if not between or between.isspace():
        return "", between or "", ""
    if _EMPTY_THOUGHT.fullmatch(between):
        return "", "", (
            f"the chat template writes an empty thought before a response ({between!r}); it is left out, since the "
            "prompts that the model is asked do not have it"
        )  # fmt: skip
    return between, "", f"the chat template writes {between!r} before a response: it is in the input, not in the loss"
