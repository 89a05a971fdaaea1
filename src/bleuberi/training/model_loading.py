"""Load the policy and its tokenizer, with the right template and end tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bleuberi.artifacts import read_json, write_json
from bleuberi.errors import UserError
from bleuberi.generation.chat_format import end_of_turn_token, stop_token_ids
from bleuberi.generation.model_identity import load_tokenizer, model_unavailable, refuse_exported


def load_policy_tokenizer(
    model: str,
    trust_remote_code: bool = False,
    revision: str | None = None,
    base_template: str = "plain",
    template_kwargs: Mapping[str, Any] | None = None,
) -> Any:  # noqa: ANN401
    """Load the policy's tokenizer and make the token that closes an assistant's turn its end token.

    Base models end texts with one token and turns with another; a policy has to learn to end its turn. If no padding
    token is set, one that is not the end token is taken, so that the end token keeps its place in the loss. Errors:
    `UserError` as in `load_tokenizer`, and for a folder exported for OpenVINO, whose weights cannot be trained.
    """
    refuse_exported(model, "Training")
    tokenizer = load_tokenizer(model, trust_remote_code, revision, base_template, template_kwargs)
    text_end = tokenizer.eos_token
    if (token := end_of_turn_token(tokenizer)) is not None:
        tokenizer.eos_token = token
    if tokenizer.pad_token is None:
        spare = text_end if text_end not in (None, tokenizer.eos_token) else tokenizer.unk_token
        tokenizer.pad_token = spare or tokenizer.eos_token
    return tokenizer


def fast_dtype() -> str:
    """The faster type of weights on a CPU: `bfloat16` if the processor multiplies it; else `float32`."""
    import torch

    known = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if any(known.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16")) else "float32"


def load_policy(
    settings: Any,  # noqa: ANN401 - trl.ModelConfig
    tokenizer: Any,  # noqa: ANN401
    trust_remote_code: bool = False,
    use_kernels: bool = False,
) -> Any:  # noqa: ANN401 - a transformers model
    """Load the model to train. Its responses end at every end token that its template and its own files name.

    If a revision is requested, the model's name becomes the folder of that revision's files in the hub cache: TRL loads
    the reference model by this name, and vLLM its copy, and both would otherwise take the main branch. Call it after
    the training arguments were made: ZeRO-3 then splits the weights while they are read. Errors: `UserError` if the
    model is not available.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    name = settings.model_name_or_path
    dtype = settings.dtype if settings.dtype in ("auto", None) else getattr(torch, settings.dtype)
    more: dict[str, Any] = {"use_kernels": True} if use_kernels else {}
    if settings.load_in_4bit:
        from accelerate import PartialState
        from trl import get_quantization_config

        # 4-bit weights cannot be moved afterwards, so they are loaded on this process's own device.
        more |= {"quantization_config": get_quantization_config(settings), "device_map": {"": PartialState().device}}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name,
            revision=settings.model_revision,
            adapter_kwargs={"revision": settings.model_revision},
            dtype=dtype,
            attn_implementation=settings.attn_implementation,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            **more,
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise model_unavailable(name, error) from error
    model.generation_config.eos_token_id = stop_token_ids(tokenizer, model.generation_config.eos_token_id)
    model.config.eos_token_id = tokenizer.eos_token_id
    for config in (model.config, model.generation_config):
        config.pad_token_id = tokenizer.pad_token_id
    if settings.model_revision not in (None, "main"):
        model.name_or_path = model.config._name_or_path = str(_folder_of(name, base_commit(model)))
    _pass_contiguous_states(model)
    return model


@contextmanager
def whole_weights() -> Iterator[None]:
    """In this context models are created with unsplit weights, even if the process trains under ZeRO-3."""
    from transformers.integrations import deepspeed

    before = deepspeed._hf_deepspeed_config_weak_ref
    deepspeed.unset_hf_deepspeed_config()
    try:
        yield
    finally:
        deepspeed._hf_deepspeed_config_weak_ref = before


def with_lora(model: Any, settings: Any) -> Any:  # noqa: ANN401 - a transformers model, trl.ModelConfig, a PEFT model
    """The model with the LoRA layers that the trainer would add. To check the settings, use a model on the meta device.

    Errors: `UserError` if the model does not have the named layers, or if LoRA is on its output layer, where it would
    not train.
    """
    from peft import get_peft_model
    from peft.tuners.tuners_utils import BaseTunerLayer
    from trl import get_peft_config

    cure = "Set --lora_target_modules all-linear, which leaves the output layer out."
    try:
        tuned = get_peft_model(model, get_peft_config(settings), autocast_adapter_dtype=False)
    except ValueError as error:
        raise UserError(f"LoRA does not fit the model: {error}", cure) from error
    if isinstance(tuned.get_output_embeddings(), BaseTunerLayer):
        what = "LoRA would be on the model's output layer; the loss is computed from the layer's own weights."
        raise UserError(what, cure)
    return tuned


def _pass_contiguous_states(model: Any) -> None:  # noqa: ANN401 - transformers.PreTrainedModel
    """Make the last positions' hidden states contiguous before the output layer.

    Trainers ask for logits of the completion alone. That slice is not contiguous, and torch then multiplies row by row
    with a copy of the output matrix for each: a quarter of a GRPO step's gradients on a CPU.
    """
    head = model.get_output_embeddings()
    if head is not None:
        head.register_forward_pre_hook(lambda _, inputs: (inputs[0].contiguous(), *inputs[1:]))


def base_commit(model: Any) -> str | None:  # noqa: ANN401 - a transformers model
    """The hub commit that a loaded model's files come from; None for a local folder."""
    commit: str | None = getattr(model.config, "_commit_hash", None)
    return commit


def name_base(adapter: Path, model: str, revision: str | None) -> None:
    """Write the base's hub name and revision into a saved adapter; PEFT would write a folder of the hub cache.

    `adapter`: a folder, with an adapter or without.
    """
    path = adapter / "adapter_config.json"
    if revision not in (None, "main") and path.is_file():
        write_json(path, {**read_json(path), "base_model_name_or_path": model, "revision": revision})


def _folder_of(name: str, commit: str | None) -> Path:
    """The folder in the hub cache that a model was just read from."""
    from transformers.utils import cached_file

    return Path(cached_file(name, "config.json", revision=commit)).parent
