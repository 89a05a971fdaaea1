"""Generate with OpenVINO GenAI on a CPU, from a folder that optimum-intel exported."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.base import Output, Request, Sampling
from bleuberi.generation.chat_format import prompt_ids, stop_token_ids
from bleuberi.generation.decoding import to_answer
from bleuberi.generation.model_identity import load_tokenizer, model_eos

ROWS_AT_ONCE: Final = 32
_BATCHED_TOKENS: Final = 4096  # per step, so that several prompts are read at once; the library's default is 256
# Computing in bfloat16 is not offered: with fp32 weights it ends the process, and with int8 weights it is not faster.
_PRECISION: Final = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}


def sampling_kwargs(sampling: Sampling, stop_ids: Sequence[int], seed: int) -> dict[str, Any]:
    """The sampling as attributes of `openvino_genai.GenerationConfig`, whose default for top_k is off."""
    drawn: dict[str, Any] = {"do_sample": False}
    if sampling.temperature > 0:
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "rng_seed": seed}
        if sampling.top_k:
            drawn["top_k"] = sampling.top_k
    return {
        **drawn,
        "repetition_penalty": 1.0,
        "max_new_tokens": sampling.max_new_tokens,
        "stop_token_ids": set(stop_ids),
    }


def not_loaded(model: str, said: str) -> UserError:
    """The error for a folder that OpenVINO cannot load. Its reason is in the last line; the lines before it name places
    in the library's source code."""
    *_, reason = ["no reason given", *said.strip().splitlines()]
    return UserError(
        f"The exported folder {model} could not be loaded: {reason:.300}",
        "Check that its files are complete, or export it again with --task text-generation-with-past: docs/scale.md.",
    )


class OpenVINOEngine:
    """Feeds OpenVINO GenAI row by row; a row's text depends on its own seed, not on its neighbours."""

    def __init__(
        self,
        model: str,
        batch_rows: int = ROWS_AT_ONCE,
        threads: int | None = None,
        *,
        trust_remote_code: bool = False,
        base_template: str = "plain",
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Load the exported folder; at most `batch_rows` rows are in progress. `threads`: as torch uses if not given.

        Errors: `UserError` if OpenVINO GenAI is not installed or cannot load the folder.
        """
        # Otherwise OpenVINO reports each import to a server; without this package it reports nothing.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        try:
            from openvino_genai import ContinuousBatchingPipeline, SchedulerConfig
        except ImportError as error:
            raise MissingExtraError("openvino-genai", "openvino", "The openvino engine") from error
        from transformers import AutoConfig

        self._tokenizer = load_tokenizer(
            model, trust_remote_code, base_template=base_template, template_kwargs=chat_template_kwargs
        )
        self._stop_ids = stop_token_ids(self._tokenizer, model_eos(model, trust_remote_code))
        config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
        self._context: int | None = getattr(config, "max_position_embeddings", None)
        self._batch_rows = batch_rows
        self._numbers = count()  # of requests, over all streams
        schedule = SchedulerConfig()
        schedule.max_num_seqs, schedule.max_num_batched_tokens = batch_rows, _BATCHED_TOKENS
        settings = {**_PRECISION, "INFERENCE_NUM_THREADS": threads or _torch_threads()}
        try:
            self._pipeline: Any = ContinuousBatchingPipeline(model, schedule, "CPU", settings, {})
        except RuntimeError as error:
            raise not_loaded(model, str(error)) from error

    def stream(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Output]]:
        in_work: list[tuple[Request, Any]] = []  # with the library's handle
        try:
            yield from self._decode(iter(requests), sampling, in_work)
        finally:
            # After a Ctrl-C or an error: the next stream would decode these rows too, and at exit the library reports
            # their memory as leaked.
            for _, handle in in_work:
                handle.cancel()
            if in_work and self._pipeline.has_non_finished_requests():
                self._pipeline.step()

    def _decode(
        self, waiting: Iterator[Request], sampling: Sampling, in_work: list[tuple[Request, Any]]
    ) -> Iterator[tuple[Request, Output]]:
        """Yield each request with its response. `in_work` has the requests that are in progress."""
        while True:
            while len(in_work) < self._batch_rows and (request := next(waiting, None)) is not None:
                # Send token ids instead of messages, so that template and special tokens are the same in every engine.
                ids = prompt_ids(self._tokenizer, request.conversation.messages, request.conversation.id)
                if self._context and len(ids) + sampling.max_new_tokens > self._context:
                    yield request, Output("", "prompt_too_long", 0)
                else:
                    in_work.append((request, self._add(ids, sampling_kwargs(sampling, self._stop_ids, request.seed))))
            if not in_work:
                return
            self._pipeline.step()
            running = []
            for request, handle in in_work:
                new_ids = _new_ids(request, handle)
                if new_ids is None:
                    running.append((request, handle))
                else:
                    yield request, to_answer(self._tokenizer, new_ids, self._stop_ids)
            in_work[:] = running

    def _add(self, ids: Sequence[int], settings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the library's handle
        import numpy as np
        from openvino import Tensor
        from openvino_genai import GenerationConfig

        config = GenerationConfig()  # with the library's defaults, not those in the model's files
        for name, value in settings.items():
            setattr(config, name, value)
        return self._pipeline.add_request(next(self._numbers), Tensor(np.array([ids], dtype=np.int64)), config)


def _new_ids(request: Request, handle: Any) -> list[int] | None:  # noqa: ANN401
    """The generated tokens of a finished row, None while it runs. Errors: `UserError` if the library gave it up."""
    state = handle.get_status().name
    if state == "RUNNING":
        return None
    if state != "FINISHED":
        raise UserError(
            f"OpenVINO GenAI stopped row {request.conversation.id} ({state}): probably out of memory.",
            "Lower batch_rows in --engine_args, or --inference_max_new_tokens.",
        )
    return list(handle.read_all()[0].generated_ids)


def _torch_threads() -> int:
    """The threads that the transformers engine would use: OpenVINO does not read OMP_NUM_THREADS, which Ray sets."""
    import torch

    return torch.get_num_threads()
