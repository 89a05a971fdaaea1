"""Chat templates and end-of-turn tokens.

Base models often have no template, or a template whose end of turn differs from their end-of-text token. The special
tokens in the vocabulary reveal the format of the model family.
"""

from __future__ import annotations

import copy
import difflib
import logging
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bleuberi.errors import UserError
from bleuberi.records import Message
from bleuberi.strict_json import strict_json

log = logging.getLogger(__name__)


class Family(NamedTuple):
    """A chat format: its name, the tokens that identify its vocabulary, and its template."""

    name: str
    tokens: tuple[str, ...]
    template: str


_CHATML: Final = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_LLAMA_3: Final = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
# transformers sets trim_blocks, which removes a line break after a block, so line breaks are printed explicitly.
_OLMO: Final = (
    "{{ bos_token or '' }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n' }}<|assistant|>\n{% endif %}"
)
FAMILIES: Final = (
    # First, because newer OLMo vocabularies also contain ChatML's tokens, although the models never saw them. OLMo has
    # plain-text roles; its vocabulary is recognized by the placeholder for phone numbers in its training data.
    Family("OLMo (Tulu format)", ("<|endoftext|>", "|||PHONE_NUMBER|||"), _OLMO),
    Family("ChatML (Qwen, SmolLM)", ("<|im_start|>", "<|im_end|>"), _CHATML),
    Family("Llama 3", ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), _LLAMA_3),
)
# The prompts of the paper's released code. For Qwen and Llama 3 they are the templates of the families' own instruct
# models, always with a system turn, and with those templates' dates.
_QWEN_PAPER: Final = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\n"
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n{% endif %}" + _CHATML
)
_LLAMA_3_PAPER: Final = (
    "{{ bos_token }}<|start_header_id|>system<|end_header_id|>\n\n"
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim }}{% endif %}<|eot_id|>"
    "{% for message in messages %}{% if not (loop.first and message['role'] == 'system') %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
PAPER_FAMILIES: Final = (
    FAMILIES[0],
    Family("ChatML (SmolLM)", ("<|im_start|>", "<|im_end|>", "<repo_name>"), _CHATML),  # neither Qwen nor in the paper
    Family("Qwen, as in the paper", FAMILIES[1].tokens, _QWEN_PAPER),
    Family("Llama 3, as in the paper", FAMILIES[2].tokens, _LLAMA_3_PAPER),
)
BASE_TEMPLATES: Final = {"plain": FAMILIES, "paper": PAPER_FAMILIES}
"""Prompt formats for base models without a template: plain turns, or as in the paper's released code."""
_PROBE: Final = "qzx"
"""A placeholder answer, used to find the end of a turn in a rendered conversation."""
_GIVEN_TO_TEMPLATES: Final = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token", "pad_token", "unk_token"}
)
"""Arguments that transformers itself passes to a template."""


def with_chat_template(tokenizer: Any, base_template: str = "plain") -> Any:  # noqa: ANN401 - a transformers tokenizer
    """The tokenizer; if it has no template, it gets its family's template, or a plain one for unknown families.

    `base_template` is a name of BASE_TEMPLATES. Errors: `UserError` if the tokenizer has neither a template nor an end
    token, because responses would never end.
    """
    if tokenizer.chat_template:
        return tokenizer
    vocabulary = tokenizer.get_vocab()
    for family in BASE_TEMPLATES[base_template]:
        if all(token in vocabulary for token in family.tokens):
            tokenizer = copy.copy(tokenizer)
            tokenizer.chat_template = family.template
            return tokenizer
    if tokenizer.eos_token is not None:
        log.warning(
            "%s has no chat template and its family is unknown; using the Tulu format, whose roles are plain text",
            tokenizer.name_or_path,
        )
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = _OLMO
        return tokenizer
    raise UserError(
        f"The tokenizer of {tokenizer.name_or_path} has neither a chat template nor an end token.",
        "Use the model's instruct version, or save a `chat_template.jinja` into a local copy of the model folder.",
    )


def refuse_unfit_template(tokenizer: Any) -> None:  # noqa: ANN401 - any transformers tokenizer
    """Errors: `UserError` for a chat template that cannot render plain text, as in some image models."""
    from jinja2 import TemplateError

    cure = "Use a text model, or save a chat_template.jinja that renders texts into a local copy of the model folder."
    try:
        asked = tokenizer.apply_chat_template([Message(role="user", content=_PROBE)], tokenize=False)
    except TemplateError as error:
        raise UserError(
            f"The chat template of {tokenizer.name_or_path} cannot render plain text: {error}.", cure
        ) from error
    if _PROBE not in asked:
        raise UserError(f"The chat template of {tokenizer.name_or_path} omits the text of the user's turn.", cure)


def with_template_kwargs(tokenizer: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any transformers tokenizer
    """The tokenizer, with these values as defaults of its chat template's arguments.

    All users of the tokenizer (data creation, training, samples, evaluation) then render the same prompts, and trained
    models keep the defaults in their saved template. `kwargs`: JSON values by name, e.g. `{"enable_thinking": False}`.
    Errors: `UserError` for a name that is not an argument of the template.
    """
    if not kwargs:
        return tokenizer
    template: str = tokenizer.chat_template
    words = set(re.findall(r"[A-Za-z_]\w*", template))
    for name in kwargs:
        if name not in words or name in _GIVEN_TO_TEMPLATES:
            near = difflib.get_close_matches(name, words, n=1)
            raise UserError(
                f"The chat template of {tokenizer.name_or_path} has no argument {name}.",
                f"Did you mean {near[0]}?" if near else "Read the template, or omit chat_template_kwargs.",
            )
    # A caller's value has priority. Without the empty text, a line break at the template's start would be trimmed.
    defaults = "".join(
        f"{{% if {name} is not defined %}}{{% set {name} = {_jinja_literal(value)} %}}{{% endif %}}"
        for name, value in sorted(kwargs.items())
    )
    if not template.startswith(defaults):
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = defaults + "{{ '' }}" + template
    return tokenizer


def _jinja_literal(value: object) -> str:
    """A JSON value as a Jinja literal."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{strict_json(name)}: {_jinja_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_jinja_literal, value)) + "]"
    return strict_json(value)


def end_of_turn_token(tokenizer: Any) -> str | None:  # noqa: ANN401
    """The special token that ends an assistant turn in the tokenizer's template, or None."""
    turns = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False)
    ids = tokenizer(rendered.rpartition(_PROBE)[2], add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
    return next((str(tokenizer.convert_ids_to_tokens(token)) for token in ids if token in special), None)


def stop_token_ids(tokenizer: Any, model_eos: int | list[int] | None = None) -> list[int]:  # noqa: ANN401
    """All tokens that end a response: the template's end of turn, and the end tokens of tokenizer and model."""
    ids = [] if model_eos is None else [model_eos] if isinstance(model_eos, int) else list(model_eos)
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    if (token := end_of_turn_token(tokenizer)) is not None:
        ids.append(tokenizer.convert_tokens_to_ids(token))
    if not ids:
        raise UserError(
            f"The tokenizer of {tokenizer.name_or_path} has no end token, so responses would never end.",
            "Set `eos_token` in the model folder's tokenizer_config.json.",
        )
    return sorted(set(ids))


def rendered(
    tokenizer: Any,  # noqa: ANN401
    messages: list[Message],
    row: object = None,
    *,
    add_generation_prompt: bool = False,
) -> str:
    """Render a conversation with the template. Errors: `UserError` naming the row (id or roles) if the template rejects
    the turns: some do not allow system turns, or require alternating user and assistant turns."""
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except TemplateError as error:
        roles = ", ".join(turn["role"] for turn in messages[:8])
        named = f"the row {row} ({roles})" if row is not None else f"a row with the turns {roles}"
        cure = "Change that row's turns, or drop the row."
        if any(turn["role"] in ("system", "developer") for turn in messages):
            cure = "If it rejects system turns, use --fold_system, which moves the text to the user's turn."
        raise UserError(f"The chat template of {tokenizer.name_or_path} rejects {named}: {error}", cure) from error
    return text


def prompt_ids(tokenizer: Any, messages: list[Message], row: object = None) -> list[int]:  # noqa: ANN401
    """The token ids of a conversation up to the assistant's response. Errors: as `rendered`."""
    text = rendered(tokenizer, messages, row, add_generation_prompt=True)
    # The template already adds the special tokens; adding them again would duplicate the first.
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
