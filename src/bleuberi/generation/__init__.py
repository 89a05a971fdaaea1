"""Engines generate responses to conversations; sampling settings mean the same in all. Imports nothing heavy.

`base` is the interface and `options` the user's settings; `transformers_engine`, `vllm_engine`, `openvino_engine`,
`openai_engine` (a server with OpenAI's interface), `ray_engine` and `canned` (responses from a file) are the engines;
`cached` stores responses on disk; `gpus` spreads an engine over the GPUs of this machine (`gpu_workers`,
`workers_engine`); `model_identity` identifies the model of a response, `chat_format` renders prompts.
To add an engine, write a class with `generate` as in `base.Engine`, add it to `options.ENGINE_TABLE` and a branch to
`load_engine` below; tests/contracts/ has the rules for every engine.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bleuberi.errors import UserError
from bleuberi.generation.options import (
    AUTO,
    ENGINES,
    OPENVINO,
    PRECISION,
    EngineOptions,
    check_engine_args,
    check_model_name,
    resolve_engine,
)

if TYPE_CHECKING:
    from bleuberi.generation.base import AnyEngine, Engine, StreamingEngine
    from bleuberi.generation.cached import CachedEngine
    from bleuberi.generation.model_identity import ModelIdentity

__all__ = [
    "ENGINES",
    "EngineOptions",
    "cached_engine",
    "check_engine",
    "engine_identity",
    "load_engine",
    "local_revision",
]

_PLAIN = EngineOptions()


def cached_engine(model: str, engine: str, cache_folder: Path, options: EngineOptions = _PLAIN) -> CachedEngine:
    """A model with an output cache. `engine`: a name of ENGINES; `auto` as in `options.ENGINE_TABLE`.

    The model is loaded only if an answer is missing. Errors: `UserError` for an unknown engine or model.
    """
    from bleuberi.generation.cached import CachedEngine

    check_model_name(model)
    answering = _answering(model, engine, options)
    identity = engine_identity(model, answering, options)

    def make() -> AnyEngine:
        if engine == "ray":
            from bleuberi.generation.ray_engine import ray_engine

            return ray_engine(identity, answering, options)
        chosen = _pick() if answering == AUTO else answering
        from bleuberi.generation.gpus import engine_on_gpus

        own, on_gpus = engine_on_gpus(identity, chosen, options)
        return on_gpus or load_engine(model, chosen, own)

    return CachedEngine(identity, make, cache_folder, fold_system=options.fold_system)


def check_engine(model: str | None, engine: str, options: EngineOptions = _PLAIN) -> None:
    """Check engine and model folder before any data are read. Errors: `UserError`."""
    if model is not None:
        check_model_name(model)
        _answering(model, engine, options)
    else:
        resolve_engine(engine, options)


def _answering(model: str, engine: str, options: EngineOptions) -> str:
    """The engine as in `resolve_engine`, and openvino instead of `auto` for an exported folder.

    Errors: `UserError` also if the engine cannot read the model's folder.
    """
    from bleuberi.generation.model_identity import is_exported, is_model_folder

    chosen = resolve_engine(engine, options)
    if chosen in ("openai", "canned"):
        return chosen
    is_model_folder(model)
    exported = is_exported(model)
    if exported and chosen not in (AUTO, OPENVINO):
        raise UserError(
            f"The folder {model} is exported for OpenVINO, and the engine {chosen} cannot read it.",
            "Use --engine openvino, or give the model from which it was exported.",
        )
    if chosen == OPENVINO and not exported:
        raise UserError(
            f"The engine openvino needs a folder exported for OpenVINO, and {model} is not one.",
            f"Export it, see docs/scale.md: optimum-cli export openvino -m {model} "
            "--task text-generation-with-past --weight-format fp32 FOLDER",
        )
    if exported:
        check_engine_args(OPENVINO, options.engine_args)
    return OPENVINO if exported else chosen


def local_revision(model: str, engine: str, options: EngineOptions = _PLAIN) -> str | None:
    """The model's revision, if known without the network; None for a hub id."""
    from bleuberi.generation.model_identity import folder_revision, is_model_folder

    engine = _answering(model, engine, options)
    if engine in ("openai", "canned"):
        return engine_identity(model, engine, options).revision
    return folder_revision(Path(model).expanduser()) + _precision(options) if is_model_folder(model) else None


def engine_identity(model: str, engine: str, options: EngineOptions) -> ModelIdentity:
    """The identity used in cache keys. Errors: `UserError` if the model or file does not exist."""
    from bleuberi.artifacts import json_hash
    from bleuberi.generation.model_identity import ModelIdentity, identify_model

    if engine == "openai":
        # The server has the template; we only pass arguments.
        kwargs = options.chat_template_kwargs
        return ModelIdentity(model, f"endpoint:{options.url}", json_hash(dict(kwargs)) if kwargs else "")
    if engine == "canned":
        from bleuberi.generation.canned import answers_revision

        return ModelIdentity(model, answers_revision(_answers_file(options)), "")
    identity = identify_model(
        model, options.trust_remote_code, options.base_template, template_kwargs=options.chat_template_kwargs
    )
    return replace(identity, revision=identity.revision + _precision(options))


def _precision(options: EngineOptions) -> str:
    """Engine arguments that change the weights, as part of a model's revision; empty if not given."""
    chosen = {name: options.engine_args[name] for name in PRECISION if name in options.engine_args}
    return "".join(f";{name}={value}" for name, value in chosen.items())


def load_engine(model: str, engine: str, options: EngineOptions) -> Engine | StreamingEngine:
    """Load the named engine with its model. Errors: `UserError` if it cannot be loaded."""
    loading: Any = {
        "trust_remote_code": options.trust_remote_code,
        "base_template": options.base_template,
        "chat_template_kwargs": options.chat_template_kwargs,
    }
    check_engine_args(engine, options.engine_args)  # `auto` has become one of them
    if engine == "vllm":
        from bleuberi.generation.vllm_engine import VllmEngine

        return VllmEngine(model, **loading, **options.engine_args)
    if engine == "openai":
        from bleuberi.generation.openai_engine import OpenAIEngine

        return OpenAIEngine(model, options)
    if engine == "canned":
        from bleuberi.generation.canned import CannedFileEngine

        return CannedFileEngine(_answers_file(options))
    if engine == OPENVINO:
        from bleuberi.generation.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(model, **loading, **options.engine_args)
    from bleuberi.generation.transformers_engine import TransformersEngine

    return TransformersEngine(model, **loading, **options.engine_args)


def _pick() -> str:
    import logging

    from bleuberi.generation.vllm_engine import vllm_obstacle

    obstacle = vllm_obstacle()
    logging.getLogger(__name__).info(
        "Engine: %s", f"transformers ({obstacle})" if obstacle else "vllm (installed, with a device)"
    )
    return "transformers" if obstacle else "vllm"


def _answers_file(options: EngineOptions) -> Path:
    if options.answers is None:
        raise ValueError("the canned engine has no file")  # resolve_engine rejects this
    return options.answers
