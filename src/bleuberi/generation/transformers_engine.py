"""Generate with transformers, if vLLM cannot run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bleuberi.errors import MissingExtraError, UserError
from bleuberi.generation.base import OnOutput, Output, Sampling
from bleuberi.generation.chat_format import prompt_ids, stop_token_ids
from bleuberi.generation.decoding import to_answer
from bleuberi.generation.model_identity import load_tokenizer, model_unavailable
from bleuberi.generation.nucleus import Nucleus
from bleuberi.records import Conversation

ROWS_A_BATCH: Final = 32
_DTYPES: Final = ("float32", "bfloat16", "float16")
BATCHES_A_SHARD: Final = 2  # small loss after a kill, but enough rows to sort by length


class TransformersEngine:
    """Sorts rows by length and limits tokens per batch, to reduce padding."""

    def __init__(
        self,
        model: str,
        batch_rows: int = ROWS_A_BATCH,
        batch_tokens: int | None = None,
        dtype: str | None = None,
        *,
        trust_remote_code: bool = False,
        base_template: str = "plain",
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Load the model in `dtype` (float32, bfloat16, float16; default: bfloat16 on a GPU, float32 on a CPU).

        A batch has at most `batch_rows` rows, and at most `batch_tokens` prompt tokens including padding (a single
        longer prompt is a batch by itself). Errors: `UserError` if the model cannot be loaded or for another dtype.
        """
        try:
            import torch
            from safetensors import SafetensorError
            from transformers import AutoModelForCausalLM
        except ImportError as error:
            raise MissingExtraError("transformers", "train", "Answering with a language model") from error
        self.batch_rows = batch_rows
        self.shard_rows = BATCHES_A_SHARD * batch_rows
        self._tokenizer = load_tokenizer(
            model, trust_remote_code, base_template=base_template, template_kwargs=chat_template_kwargs
        )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch_tokens = batch_tokens or (32_768 if self._device == "cuda" else 4_096)
        chosen = dtype or ("bfloat16" if self._device == "cuda" else "float32")
        if chosen not in _DTYPES:
            raise UserError(f"Unknown dtype {chosen!r:.40}.", f"Choose one of: {', '.join(_DTYPES)}.")
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                model, dtype=getattr(torch, chosen), use_safetensors=True, trust_remote_code=trust_remote_code
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise model_unavailable(model, error) from error
        self._model: Any = loaded.to(self._device).eval()
        self._stop_ids = stop_token_ids(self._tokenizer, self._model.generation_config.eos_token_id)
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token_id = self._stop_ids[0]
        self._context = getattr(self._model.config, "max_position_embeddings", None)

    def generation_config(self, sampling: Sampling) -> Any:  # noqa: ANN401 - transformers.GenerationConfig
        """The sampling as transformers' configuration, with all further limits turned off."""
        from transformers import GenerationConfig

        drawn: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            drawn = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": sampling.top_k,
            }
        return GenerationConfig(
            **drawn,
            num_beams=1,
            repetition_penalty=1.0,
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=self._stop_ids,
            pad_token_id=self._tokenizer.pad_token_id,
        )

    def generate(
        self,
        conversations: Sequence[Conversation],  # N
        sampling: Sampling,
        seed: int,
        on_output: OnOutput,
    ) -> list[Output]:  # N
        import torch

        torch.manual_seed(seed)
        config = self.generation_config(sampling)
        # Defaults in the model's file (a top_k, a penalty) would fill unset fields.
        self._model.generation_config = config
        ids = [prompt_ids(self._tokenizer, conversation.messages, conversation.id) for conversation in conversations]
        outputs: dict[int, Output] = {}
        fitting = []
        for row in sorted(range(len(ids)), key=lambda position: len(ids[position]), reverse=True):
            if self._context and len(ids[row]) + sampling.max_new_tokens > self._context:
                outputs[row] = Output("", "prompt_too_long", 0)
                on_output(outputs[row])
            else:
                fitting.append(row)
        for batch in self._batches(fitting, ids):
            for row, output in zip(batch, self._answer([ids[row] for row in batch], config), strict=True):
                outputs[row] = output
                on_output(output)
        return [outputs[row] for row in range(len(ids))]

    def _batches(self, rows: Sequence[int], ids: Sequence[list[int]]) -> Iterator[list[int]]:
        """Batches of rows, longest first; otherwise one long prompt would pad a batch of short ones to its length."""
        start = 0
        while start < len(rows):
            fit = max(1, self.batch_tokens // len(ids[rows[start]]))
            batch = list(rows[start : start + min(self.batch_rows, fit)])
            start += len(batch)
            yield batch

    def _answer(self, ids: list[list[int]], config: Any) -> list[Output]:  # noqa: ANN401
        import torch

        padded = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._device)
        config, processors = copy.copy(config), []
        if config.do_sample and config.top_p < 1:
            processors, config.top_p = [Nucleus(config.top_p)], 1.0
        with torch.inference_mode():
            sequences = self._model.generate(**padded, generation_config=config, logits_processor=processors)
        new_ids = sequences[:, padded["input_ids"].shape[1] :].tolist()
        return [to_answer(self._tokenizer, row, self._stop_ids) for row in new_ids]
