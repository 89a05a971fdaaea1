"""Chat templates and the tokens that end a turn.

Base models often have no template, or one whose end of turn their own end-of-text token does not match. The special
tokens in the vocabulary show their family's format.
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
    """A chat format: its name, the tokens that a vocabulary of that family has, and its template."""

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
# A line break right behind a block's end would be trimmed away (transformers sets trim_blocks), so it is printed.
_OLMO: Final = (
    "{{ bos_token or '' }}{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{% if not loop.last %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n' }}<|assistant|>\n{% endif %}"
)
FAMILIES: Final = (
    # First, since newer OLMo vocabularies carry ChatML's tokens too, though the models were never shown them.
    # OLMo writes its roles in plain text; what tells its vocabulary is the placeholder its data set put for numbers.
    Family("OLMo (Tulu format)", ("<|endoftext|>", "|||PHONE_NUMBER|||"), _OLMO),
    Family("ChatML (Qwen, SmolLM)", ("<|im_start|>", "<|im_end|>"), _CHATML),
    Family("Llama 3", ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), _LLAMA_3),
)
# The prompts of the paper's released code. For Qwen and Llama 3 they are the templates of the families' own instruct
# models, with a system turn even where a conversation has none, and with the date that those carry.
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
    Family("ChatML (SmolLM)", ("<|im_start|>", "<|im_end|>", "<repo_name>"), _CHATML),  # no Qwen, and not the paper's
    Family("Qwen, as in the paper", FAMILIES[1].tokens, _QWEN_PAPER),
    Family("Llama 3, as in the paper", FAMILIES[2].tokens, _LLAMA_3_PAPER),
)
BASE_TEMPLATES: Final = {"plain": FAMILIES, "paper": PAPER_FAMILIES}
"""How base models without a template are prompted: with the turns alone, or as the paper's released code did."""
_PROBE: Final = "qzx"
"""A harmless answer whose end is found again in a rendered conversation."""
_GIVEN_TO_TEMPLATES: Final = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "bos_token", "eos_token", "pad_token", "unk_token"}
)
"""What transformers itself hands to a template."""


def with_chat_template(tokenizer: Any, base_template: str = "plain") -> Any:  # noqa: ANN401 - a transformers tokenizer
    """The tokenizer, with its family's template where it has none, or a plain one where its family is not known.

    `base_template` is a name of BASE_TEMPLATES. Errors: `UserError` where it has none and no end token, so that none
    would ever end a turn.
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
            "%s has no chat template, and its family is not known: it gets the Tulu format, whose roles are plain text",
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
    """Errors: `UserError` for a chat template that does not render a plain text, as those of some image models."""
    from jinja2 import TemplateError

    cure = "Take a text model, or save a chat_template.jinja that renders texts into a local copy of the model folder."
    try:
        asked = tokenizer.apply_chat_template([Message(role="user", content=_PROBE)], tokenize=False)
    except TemplateError as error:
        raise UserError(
            f"The chat template of {tokenizer.name_or_path} renders no plain text: {error}.", cure
        ) from error
    if _PROBE not in asked:
        raise UserError(f"The chat template of {tokenizer.name_or_path} leaves out the text of the user's turn.", cure)


def with_template_kwargs(tokenizer: Any, kwargs: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any transformers tokenizer
    """The tokenizer, with these arguments of its chat template as the template's own defaults.

    Whoever renders a prompt with it (data creation, the trainer, samples, evaluation) then renders the same one, and a
    model that was trained with it keeps the defaults in its saved template. `kwargs`: JSON values by name, e.g.
    `{"enable_thinking": False}`. Errors: `UserError` for a name that the template does not have.
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
                f"Did you mean {near[0]}?" if near else "Read the template, or leave chat_template_kwargs out.",
            )
    # A caller's own value still wins. Without the empty text, a line break at the template's start would be trimmed.
    defaults = "".join(
        f"{{% if {name} is not defined %}}{{% set {name} = {_jinja_literal(value)} %}}{{% endif %}}"
        for name, value in sorted(kwargs.items())
    )
    if not template.startswith(defaults):
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = defaults + "{{ '' }}" + template
    return tokenizer


def _jinja_literal(value: object) -> str:
    """A JSON value as a Jinja template writes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{strict_json(name)}: {_jinja_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_jinja_literal, value)) + "]"
    return strict_json(value)


def end_of_turn_token(tokenizer: Any) -> str | None:  # noqa: ANN401
    """The special token that closes an assistant's turn in the tokenizer's template; None where none does."""
    turns = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
    rendered = tokenizer.apply_chat_template(turns, tokenize=False)
    ids = tokenizer(rendered.rpartition(_PROBE)[2], add_special_tokens=False)["input_ids"]
    special = set(tokenizer.all_special_ids) | set(getattr(tokenizer, "added_tokens_decoder", {}))
    return next((str(tokenizer.convert_ids_to_tokens(token)) for token in ids if token in special), None)


def stop_token_ids(tokenizer: Any, model_eos: int | list[int] | None = None) -> list[int]:  # noqa: ANN401
    """Every token at which an answer ends: the template's end of turn, the tokenizer's and the model's own."""
    ids = [] if model_eos is None else [model_eos] if isinstance(model_eos, int) else list(model_eos)
    if tokenizer.eos_token_id is not None:
        ids.append(tokenizer.eos_token_id)
    if (token := end_of_turn_token(tokenizer)) is not None:
        ids.append(tokenizer.convert_tokens_to_ids(token))
    if not ids:
        raise UserError(
            f"The tokenizer of {tokenizer.name_or_path} has no end token: answers would never stop.",
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
    """A conversation as its template writes it. Errors: `UserError` that names the row (its id, or the roles of its
    turns) if the template refuses the turns: some take no system turn, or want user and assistant in turn."""
    from jinja2 import TemplateError

    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
    except TemplateError as error:
        roles = ", ".join(turn["role"] for turn in messages[:8])
        named = f"the row {row} ({roles})" if row is not None else f"a row with the turns {roles}"
        cure = "Change or leave out that row's turns."
        if any(turn["role"] in ("system", "developer") for turn in messages):
            cure = "If it takes no system turn, make the data with --fold_system: the text goes into the user's turn."
        raise UserError(f"The chat template of {tokenizer.name_or_path} refuses {named}: {error}", cure) from error
    return text


def prompt_ids(tokenizer: Any, messages: list[Message], row: object = None) -> list[int]:  # noqa: ANN401
    """The token ids of a conversation, up to where the assistant is to begin. Errors: as `rendered`."""
    text = rendered(tokenizer, messages, row, add_generation_prompt=True)
    # The template writes the special tokens itself; adding them again would double the first one.
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
