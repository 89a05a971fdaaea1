"""Engines: conversations in, texts out, with the same meaning of every sampling setting. Imports nothing heavy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bleuberi.errors import UserError
from bleuberi.generation.base import Engine
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.model_identity import identify_model, is_model_folder

log = logging.getLogger(__name__)

ENGINES: Final = ("auto", "vllm", "transformers")


def cached_engine(model: str, engine: str, cache_folder: Path) -> CachedEngine:
    """The model behind an output cache. `engine`: a name of ENGINES; `auto` takes vLLM where it can run.

    Nothing is loaded but the tokenizer until an answer is missing. Errors: `UserError` for an unknown engine or model.
    """
    if engine not in ENGINES:
        raise UserError(f"There is no engine {engine!r}.", f"Choose one with --engine: {', '.join(ENGINES)}.")
    is_model_folder(model)
    return CachedEngine(identify_model(model), _maker(model, engine), cache_folder)


def _maker(model: str, engine: str) -> Callable[[], Engine]:
    def make() -> Engine:
        from bleuberi.generation.vllm_engine import VllmEngine, vllm_obstacle

        chosen = engine
        if engine == "auto":
            obstacle = vllm_obstacle()
            chosen = "transformers" if obstacle else "vllm"
            log.info("Engine: %s%s", chosen, f" ({obstacle})" if obstacle else "")
        if chosen == "vllm":
            return VllmEngine(model)
        from bleuberi.generation.transformers_engine import TransformersEngine

        return TransformersEngine(model)

    return make
