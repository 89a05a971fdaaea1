"""Compute a model's sizes from its config only. It is built on the meta device, where tensors have shapes but no
memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bleuberi.generation.model_identity import model_unavailable
from bleuberi.training.model_loading import with_lora

_FOUR_BITS: Final = 0.5 + 4 / 64  # bytes a weight: half a byte, and one fp32 scale for each block of 64


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """Counts of one model. Sizes are in bytes if the name says so, else in values."""

    parameters: int
    trainable: int
    largest_layer: int  # parameters of the module that holds most
    weight_bytes: int  # as loaded, quantised or not
    linear: int  # weights of linear layers: what autocast keeps a second copy of
    head: int  # weights of the output layer
    head_trains: bool
    vocabulary: int
    dtype_bytes: int
    cache_values_per_token: int  # keys and values of every layer


class MetaModel:
    """The model as the trainer would create it, LoRA included, on the meta device."""

    def __init__(self, model_settings: Any, dtype: str, trust_remote_code: bool = False) -> None:  # noqa: ANN401 - trl.ModelConfig
        """`dtype`: of the computation, e.g. `bfloat16`. Errors: `UserError` if the config cannot be read."""
        import torch
        from transformers import AutoConfig, AutoModelForCausalLM

        name = model_settings.model_name_or_path
        try:
            config = AutoConfig.from_pretrained(
                name, revision=model_settings.model_revision, trust_remote_code=trust_remote_code
            )
            self.stored_dtype = getattr(config, "dtype", None) or torch.float32
            config.use_cache = False
            _count_attention()
            with torch.device("meta"):
                self.model = AutoModelForCausalLM.from_config(
                    config,
                    attn_implementation="preflight",
                    dtype=getattr(torch, dtype),
                    trust_remote_code=trust_remote_code,
                )
        except (OSError, ValueError, KeyError) as error:
            raise model_unavailable(name, error) from error
        self.config = config.get_text_config()
        self.backbone = self.model.base_model
        self.settings = model_settings
        self.parameters: int = sum(weight.numel() for weight in self.model.parameters())
        self.head = self.model.get_output_embeddings()
        self.linear = _linear_weights(self.model)
        if model_settings.use_peft:
            self.model = with_lora(self.model, model_settings)

    def sizes(self) -> ModelSizes:
        """Count parameters and bytes of the model."""
        config = self.config
        trainable = sum(weight.numel() for weight in self.model.parameters() if weight.requires_grad)
        largest = max(
            sum(weight.numel() for weight in module.parameters(recurse=False)) for module in self.model.modules()
        )
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        import torch

        dtype_bytes = int(getattr(torch, self.loaded_dtype).itemsize)
        return ModelSizes(
            parameters=self.parameters,
            trainable=trainable,
            largest_layer=largest,
            weight_bytes=self._weight_bytes(dtype_bytes),
            linear=self.linear,
            head=self.head.weight.numel(),
            head_trains=any(weight.requires_grad for weight in self.head.parameters()),
            vocabulary=config.vocab_size,
            dtype_bytes=dtype_bytes,
            cache_values_per_token=2 * config.num_hidden_layers * heads * head_size,
        )

    @property
    def loaded_dtype(self) -> str:
        """The type of the weights in memory, e.g. `bfloat16`."""
        asked = self.settings.dtype
        return str(self.stored_dtype).removeprefix("torch.") if asked in ("auto", None) else str(asked)

    def _weight_bytes(self, dtype_bytes: int) -> int:
        if not self.settings.load_in_4bit:
            return self.parameters * dtype_bytes
        return int(self.linear * _FOUR_BITS + (self.parameters - self.linear) * dtype_bytes)

    def activation_bytes(self, rows: int, length: int, checkpointing: bool) -> int:
        """Bytes that autograd keeps for one forward pass over `rows` x `length` tokens, without the output layer.

        With checkpointing: the layers' inputs, and one layer in full, which is recomputed when needed.
        """
        self.model.train()
        full = self._kept_bytes(rows, length)
        if not checkpointing:
            return full
        self.model.gradient_checkpointing_enable({"use_reentrant": False})
        kept = self._kept_bytes(rows, length)
        self.model.gradient_checkpointing_disable()
        return kept + full // max(1, int(self.config.num_hidden_layers))

    def _kept_bytes(self, rows: int, length: int) -> int:
        import torch

        own = {weight.untyped_storage()._cdata for weight in self.model.parameters()}
        kept: dict[int, Any] = {}

        def keep(tensor: Any) -> Any:  # noqa: ANN401 - torch.Tensor
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                kept[storage._cdata] = storage  # held, so that no later storage gets its address
            return tensor

        ids = torch.zeros(rows, length, dtype=torch.long, device="meta")
        # Four dimensions: transformers takes such a mask as it is, and asks no meta tensor for its values.
        mask = torch.ones(rows, 1, length, length, dtype=torch.bool, device="meta")
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            held = self.backbone(input_ids=ids, attention_mask=mask, use_cache=False)
        del held
        return sum(int(storage.nbytes()) for storage in kept.values())


def _linear_weights(model: Any) -> int:  # noqa: ANN401
    """Weights of the linear layers within the backbone: quantised by 4-bit loading, which spares the output layer."""
    import torch

    weights: int = sum(part.weight.numel() for part in model.base_model.modules() if isinstance(part, torch.nn.Linear))
    return weights


def _count_attention() -> None:
    """Register an attention that keeps what fused kernels keep: queries, keys, values, the mask and the output.

    On the meta device torch would take its unfused form, which keeps length x length scores that real runs do not.
    """
    import torch
    from transformers import AttentionInterface

    class Fused(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, query: Any, key: Any, value: Any, mask: Any) -> Any:  # noqa: ANN401
            out = torch.empty_like(query)
            ctx.save_for_backward(query, key, value, mask, out)
            return out

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:  # noqa: ANN401
            return gradient, *(torch.zeros_like(kept) for kept in ctx.saved_tensors[1:3]), None

    def fused(module: Any, query: Any, key: Any, value: Any, mask: Any, **_: object) -> tuple[Any, None]:  # noqa: ANN401
        groups = query.shape[1] // key.shape[1]
        # With a padding mask, transformers repeats keys and values for every head, and torch turns the mask to numbers.
        key, value = (part.repeat_interleave(groups, dim=1) if groups > 1 else part for part in (key, value))
        bias = mask.to(query.dtype) if mask is not None else None
        return Fused.apply(query, key, value, bias).transpose(1, 2).contiguous(), None  # type: ignore[no-untyped-call]

    AttentionInterface.register("preflight", fused)
