"""Merge LoRA into its base without loss: for vLLM during a run, and for the exported model."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from bleuberi.training.model_loading import load_policy


def keep_base_exact(model: Any) -> None:  # noqa: ANN401 - a PEFT model
    """Make every LoRA layer merge in float32, and restore its base weights bit by bit afterwards.

    For each transfer of weights to vLLM, TRL adds the adapter to the base in place and subtracts it again. In bfloat16
    both operations round, and the base drifts (after 300 times by a third of what LoRA learnt). So the layers' base
    weights are kept in host memory.
    """
    from peft.tuners.lora import LoraLayer

    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            _merge_exactly(layer)


def _merge_exactly(layer: Any) -> None:  # noqa: ANN401 - peft's LoraLayer
    merge, unmerge = layer.merge, layer.unmerge
    kept: dict[str, Any] = {}

    def weights() -> dict[str, Any]:
        return dict(layer.get_base_layer().named_parameters(recurse=False))

    def merge_exactly(safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        found = weights()
        # ZeRO-3 gathers a copy of its parts for the merge, and throws it away afterwards.
        if not kept and not any(hasattr(weight, "ds_id") for weight in found.values()):
            kept.update({name: _part(weight).to("cpu", copy=True) for name, weight in found.items()})
        if any(hasattr(weight, "ds_id") or hasattr(weight, "device_mesh") for weight in found.values()):
            merge(safe_merge=safe_merge, adapter_names=adapter_names)  # the parts of FSDP2 keep their type
            return
        own = {name: weight.data for name, weight in found.items()}
        for weight in found.values():
            weight.data = weight.data.float()
        merge(safe_merge=safe_merge, adapter_names=adapter_names)
        for name, weight in found.items():
            own[name].copy_(weight.data)  # rounded once
            weight.data = own[name]

    def unmerge_exactly() -> None:
        if not kept:
            unmerge()
            return
        layer.merged_adapters.clear()
        for name, weight in weights().items():
            _part(weight).copy_(kept[name])

    layer.merge, layer.unmerge = merge_exactly, unmerge_exactly


def _part(weight: Any) -> Any:  # noqa: ANN401 - torch tensors
    """The numbers of a weight that this process has: all of them, or its part under FSDP2."""
    return weight.data.to_local() if hasattr(weight, "device_mesh") else weight.data


def merged_model(settings: Any, adapter: Path, tokenizer: Any, trust_remote_code: bool) -> Any:  # noqa: ANN401 - trl.ModelConfig; transformers objects
    """The base loaded from its own files plus the adapter, in float32 on the CPU, whatever device trained it.

    `adapter`: the folder of the saved adapter. Errors: `UserError` if the base is no longer available.
    """
    from peft import PeftModel

    plain = copy.copy(settings)
    plain.dtype, plain.load_in_4bit = "float32", False
    base = load_policy(plain, tokenizer, trust_remote_code)
    return PeftModel.from_pretrained(base, str(adapter)).merge_and_unload()
