"""Check the tokenizer against the run's intention: template, end tokens, loss mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.text import Text

from bleuberi.doctor.findings import Report, counted
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import BASE_TEMPLATES, stop_token_ids
from bleuberi.plain_text import plain
from bleuberi.records import Message
from bleuberi.training.sft_tokens import SftEncoder, SftTokens

Pair = tuple[list[Message], str]
"""What is asked, and an answer."""
TRIED: Final = 64
_SHOWN_TOKENS: Final = 160


def check_template(report: Report, tokenizer: Any) -> bool:  # noqa: ANN401 - a policy's tokenizer
    """Report the template's origin and the tokens that end a response. Returns whether the tokenizer has an end token
    to train with."""
    known = [family for families in BASE_TEMPLATES.values() for family in families]
    family = next((family for family in known if family.template == tokenizer.chat_template), None)
    vocabulary = tokenizer.get_vocab()
    if family is None:
        report.add("template", "ok", "the tokenizer's own")
    elif not all(token in vocabulary for token in family.tokens):
        report.add(
            "template",
            "warning",
            "a plain one, the Tulu format: the tokenizer has none, and its family is not known",
            "If the model has a template, save it as chat_template.jinja in a copy of its folder; else nothing to do.",
        )
    else:
        report.add(
            "template",
            "warning",
            f"that of its family, {family.name}: a base model, or a template that reads the same",
            "Nothing to do where the model is a base model; the trained model is saved with this template.",
        )
    try:
        stops = stop_token_ids(tokenizer)
    except UserError as error:
        report.add_error("end tokens", error)
        return False
    names = tokenizer.convert_ids_to_tokens(stops)
    if tokenizer.eos_token_id is None:
        report.add(
            "end tokens",
            "problem",
            f"answers end at {' '.join(names)}, but the tokenizer has no end token of its own",
            "Set `eos_token` in the model folder's tokenizer_config.json.",
        )
    elif tokenizer.pad_token_id == tokenizer.eos_token_id:
        report.add(
            "end tokens",
            "warning",
            f"answers end at {' '.join(names)}, and padding is the same token {tokenizer.pad_token}",
            "Set a `pad_token` of its own in tokenizer_config.json, where the vocabulary has one to spare.",
        )
    else:
        report.add("end tokens", "ok", f"answers end at {' '.join(names)}; padding is {tokenizer.pad_token}")
    return tokenizer.eos_token_id is not None


def check_round_trip(report: Report, tokenizer: Any, pairs: Sequence[Pair]) -> None:  # noqa: ANN401
    """Encode pairs to tokens and decode them: no text may be lost, doubled, or cut at another place."""
    changed = doubled = other_end = 0
    encode = SftEncoder(tokenizer)
    for asked, answer in pairs[:TRIED]:
        tokens = encode(asked, [Message(role="assistant", content=answer)])
        in_loss = [token for token, kept in zip(tokens.input_ids, tokens.completion_mask, strict=True) if kept]
        text = tokenizer.decode(in_loss, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        changed += text.strip() != answer.strip()
        other_end += in_loss[-1] != tokenizer.eos_token_id
        begin = tokenizer.bos_token_id
        doubled += begin is not None and tokens.input_ids[:2] == [begin, begin]
    tried = counted(min(TRIED, len(pairs)), "answer")
    if changed or doubled or other_end:
        report.add(
            "round trip",
            "warning" if not (doubled or other_end) else "problem",
            f"of {tried}, {changed} come back changed from their tokens, {doubled} begin with two start tokens, "
            f"{other_end} do not end with the end token",
            "Check the chat template and tokenizer_config.json: the reward scores what comes back from the tokens.",
        )
    else:
        report.add("round trip", "ok", f"{tried} come back from their tokens unchanged, and end with the end token")


def show_loss_mask(tokenizer: Any, asked: Sequence[Message], answer: str) -> Text:  # noqa: ANN401
    """One pair as the trainer reads it. Text in the loss is green and between ⟦ ⟧, so that it also shows without
    colours."""
    tokens = SftEncoder(tokenizer)(asked, [Message(role="assistant", content=answer)])
    return mask_text(tokenizer, tokens)


def mask_text(tokenizer: Any, tokens: SftTokens) -> Text:  # noqa: ANN401
    """Alternating runs of tokens inside and outside the loss, with the middle of long runs omitted."""
    shown = Text()
    ids, mask = tokens
    place = 0
    while place < len(ids):
        end = place
        while end < len(ids) and mask[end] == mask[place]:
            end += 1
        run = ids[place:end]
        if len(run) > _SHOWN_TOKENS:
            half = _SHOWN_TOKENS // 2
            text = f"{tokenizer.decode(run[:half])} … {len(run) - 2 * half} tokens … {tokenizer.decode(run[-half:])}"
        else:
            text = tokenizer.decode(run)
        text = plain(text)
        shown.append(f"⟦{text}⟧" if mask[place] else text, style="bold green" if mask[place] else "dim")
        place = end
    return shown
