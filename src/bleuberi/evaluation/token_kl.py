"""The divergence of a model from its base per token, from both models' logits on the model's own responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bleuberi.generation import EngineOptions
from bleuberi.generation.base import Output
from bleuberi.generation.chat_format import prompt_ids
from bleuberi.generation.model_identity import load_tokenizer, model_unavailable
from bleuberi.records import Conversation


def token_kl(
    base: str,
    other: str,
    asked: Sequence[Conversation],  # N
    responses: Sequence[Output],  # N, greedy ones of `other`
    options: EngineOptions,
) -> tuple[list[float | None] | None, str | None]:  # N, in nats per token; None for an empty response
    """KL(other || base) over the whole vocabulary, averaged over each response's tokens (its end token included).

    Or None and the reason if the models do not share a vocabulary. Errors: `UserError` if a model cannot be loaded.
    """
    import torch

    tokenizer, base_tokenizer = (
        load_tokenizer(model, options.trust_remote_code, base_template=options.base_template,
                       template_kwargs=options.chat_template_kwargs)
        for model in (other, base)
    )  # fmt: skip
    if tokenizer.get_vocab() != base_tokenizer.get_vocab():
        return None, f"{other} and {base} have different vocabularies"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    models = [_load(model, device, options) for model in (other, base)]
    found: list[float | None] = []
    for row, response in zip(asked, responses, strict=True):
        before = prompt_ids(tokenizer, row.messages, row.id)
        written = tokenizer(response.text, add_special_tokens=False)["input_ids"]
        if response.finish_reason == "stop" and tokenizer.eos_token_id is not None:
            written = [*written, tokenizer.eos_token_id]
        if not written:
            found.append(None)
            continue
        ids = torch.tensor([[*before, *written]], device=device)
        with torch.inference_mode():
            own, of_base = (
                torch.log_softmax(model(ids).logits[0, len(before) - 1 : -1].float(), dim=-1) for model in models
            )
        found.append(float((own.exp() * (own - of_base)).sum(dim=-1).mean()))
    return found, None


def _load(model: str, device: str, options: EngineOptions) -> Any:  # noqa: ANN401 - a transformers model
    """Load the model in the dtype that the transformers engine would use."""
    import torch
    from transformers import AutoModelForCausalLM

    chosen = options.engine_args.get("dtype") or ("bfloat16" if device == "cuda" else "float32")
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model, dtype=getattr(torch, str(chosen)), use_safetensors=True, trust_remote_code=options.trust_remote_code
        )
    except (OSError, ValueError, KeyError) as error:
        raise model_unavailable(model, error) from error
    return loaded.to(device).eval()
