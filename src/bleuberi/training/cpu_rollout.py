"""Completions on a CPU, drawn at a fraction of the cost. Knows TRL's rollout hook and transformers' processors.

`torch.multinomial` draws a random number for every token of the vocabulary; one a row is enough. The distribution is
the same: softmax of the scaled logits, summed up in 64 bits. Everything else stays with transformers' `generate`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from bleuberi.generation.chat_format import prompt_ids
from bleuberi.records import Message

log = logging.getLogger(__name__)

Rollout = Callable[[list[list[Message]], Any], dict[str, Any]]
_UNDERSTOOD: Final = frozenset({"min_new_tokens", "max_new_tokens"})
"""Of `generation_kwargs`: what `generate` does in the same way without sampling."""


class OneDraw:
    """A logits processor that draws each row's token by one number, and leaves it as the row's only candidate.

    `generate` then has to be told not to sample: it takes the best token, which is the drawn one.
    """

    def __init__(self, warpers: Sequence[Any], temperature: float) -> None:
        """`warpers`: transformers' own, in the order in which it applies them; they see scaled logits."""
        self.warpers = warpers
        self.temperature = temperature

    def __call__(self, input_ids: Any, scores: Any) -> Any:  # noqa: ANN401 - (rows, length) and (rows, vocabulary)
        import torch

        scores = scores / self.temperature
        for warper in self.warpers:
            scores = warper(input_ids, scores)
        # In 32 bits, the sum near 1 would swallow tokens less likely than one in 17 million.
        reached = scores.softmax(dim=-1).cumsum(dim=-1, dtype=torch.float64)
        total = reached[:, -1:]
        point = torch.rand(total.shape, dtype=torch.float64, device=scores.device) * total
        point = torch.minimum(point, torch.nextafter(total, torch.zeros_like(total)))
        drawn = torch.searchsorted(reached, point, right=True)  # a token without probability is never stepped on
        return torch.full_like(scores, float("-inf")).scatter_(1, drawn, 0.0)


def cpu_rollout(args: Any) -> Rollout | None:  # noqa: ANN401 - trl.GRPOConfig
    """The hook for TRL's `rollout_func`, or None where TRL's own way is kept: on a GPU, several processes, or settings
    that this one does not know to be the same.
    """
    import torch

    on_cpu = args.use_cpu or not torch.cuda.is_available()
    unknown = set(args.generation_kwargs or {}) - _UNDERSTOOD
    if not on_cpu or args.use_vllm or args.world_size > 1 or unknown or args.cache_implementation or args.deepspeed:
        return None
    if args.temperature <= 0 or args.repetition_penalty != 1.0 or args.use_transformers_continuous_batching:
        return None
    if args.chat_template_kwargs:
        return None
    # TRL calls the hook experimental at every start; it is pinned, tested, and left out where it does not apply.
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    return draw_completions


def draw_completions(prompts: list[list[Message]], trainer: Any) -> dict[str, Any]:  # noqa: ANN401 - trl.GRPOTrainer
    """One completion a prompt (TRL repeats prompts itself), cut behind its first end token, as TRL cuts its own."""
    import torch
    from transformers import LogitsProcessorList
    from trl.models import unwrap_model_for_generation

    tokenizer, args = trainer.processing_class, trainer.args
    asked = [prompt_ids(tokenizer, messages) for messages in prompts]
    width = max(map(len, asked))
    padded = torch.tensor([[tokenizer.pad_token_id] * (width - len(ids)) + ids for ids in asked])
    seen = torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for ids in asked])
    greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None, "min_p": None}
    with (
        unwrap_model_for_generation(
            trainer.model_wrapped,
            trainer.accelerator,
            generation_kwargs={**trainer.generation_kwargs, **greedy},
            gradient_checkpointing_kwargs=args.gradient_checkpointing_kwargs,
        ) as model,
        torch.no_grad(),
    ):
        config = type(trainer.generation_config)(**{**trainer.generation_kwargs, **greedy}, disable_compile=True)
        every = model.generate(
            input_ids=padded.to(trainer.accelerator.device),
            attention_mask=seen.to(trainer.accelerator.device),
            generation_config=config,
            logits_processor=LogitsProcessorList([OneDraw(_warpers(args), args.temperature)]),
        )
    ends = set(trainer.eos_token_ids)
    drawn = [_up_to_end(row, ends) for row in every[:, width:].tolist()]
    return {"prompt_ids": asked, "completion_ids": drawn, "logprobs": None}


def _warpers(args: Any) -> list[Any]:  # noqa: ANN401
    """transformers' warpers of these settings, in its order."""
    from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    made: list[Any] = []
    if args.top_k:
        made.append(TopKLogitsWarper(top_k=args.top_k))
    if args.top_p < 1.0:
        made.append(TopPLogitsWarper(top_p=args.top_p))
    if args.min_p is not None:
        made.append(MinPLogitsWarper(min_p=args.min_p))
    return made


def _up_to_end(ids: list[int], ends: set[int]) -> list[int]:
    place = next((place for place, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: place + 1]
