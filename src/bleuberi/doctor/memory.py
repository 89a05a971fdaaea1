"""Estimate a run's memory use, part by part.

Weights, gradients and optimizer come from DeepSpeed's own estimators if the run uses DeepSpeed. The other parts
(generation, activations, the output layer) are our estimates. A peak is the static part plus the largest phase.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bleuberi.doctor.model import MetaModel, ModelSizes
from bleuberi.training.settings.read import RunSettings

CPU_PROCESS: Final = 0.6e9  # Python with torch, transformers and trl, measured (docs/preflight.md)
GPU_PROCESS: Final = 0.9e9  # a CUDA context and its libraries' workspaces; a usual figure, not measured by us
_TILE_TOKENS, _TILE_VOCABULARY = 4096, 32768  # of TRL's fused output layer
_CPU_HOLES = 0.7  # of the activations: what the C library holds free between them, measured (docs/preflight.md)
_CPU_TILES = 8  # 32-bit tensors of a tile's size that its torch form has alive at once


@dataclass(frozen=True, slots=True)
class Zero:
    """The settings of a DeepSpeed config that decide memory use."""

    stage: int = 0
    offload_optimizer: bool = False
    offload_parameters: bool = False


@dataclass(frozen=True, slots=True)
class Batches:
    """The numbers of sequences and tokens on one device."""

    rows: int  # of one forward and backward pass
    generated_rows: int  # at once; 0 for SFT and DPO
    prompt: int  # tokens
    completion: int  # tokens; 0 for SFT and DPO, whose `prompt` is the whole text

    @property
    def length(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes by part, on one device and on the host of one node."""

    static: dict[str, float]
    phases: dict[str, dict[str, float]]
    host: dict[str, float] = field(default_factory=dict)

    @property
    def peak_phase(self) -> str:
        return max(self.phases, key=lambda name: sum(self.phases[name].values()))

    @property
    def peak(self) -> float:
        return sum(self.static.values()) + sum(self.phases[self.peak_phase].values())

    @property
    def host_peak(self) -> float:
        return sum(self.host.values())


def estimate_memory(
    settings: RunSettings,
    meta: MetaModel,
    batches: Batches,
    zero: Zero,
    processes: int,
    nodes: int = 1,
    gpu_memory: float | None = None,
    *,
    fsdp: bool = False,
) -> Estimate:
    """Estimate the memory use of one device and its host. `gpu_memory`: of one GPU, for the share that vLLM reserves.
    `fsdp`: PyTorch splits weights, gradients and optimizer over the processes."""
    args, sizes, on_cpu = settings.args, meta.sizes(), settings.args.use_cpu
    mixed = bool(args.bf16 or args.fp16)
    static = {"process": CPU_PROCESS if on_cpu else GPU_PROCESS}
    host: dict[str, float] = {}
    if zero.stage:
        on_gpu, on_host = _zero_states(sizes, zero, processes // nodes, nodes)
        static |= {"model states (DeepSpeed's estimate)": on_gpu}
        host |= {"model states (DeepSpeed's estimate)": on_host}
    elif fsdp:
        static |= _fsdp_states(sizes, args, processes, mixed)
    else:
        static |= _plain_states(sizes, args, processes, mixed)
    _add_reference(settings, sizes, zero, processes, static, host, fsdp=fsdp)
    phases = {"loss": _loss_phase(args, sizes, meta, batches, mixed, zero)}
    if settings.method == "grpo":
        phases["generation"] = _generation_phase(args, sizes, batches, mixed, zero)
        if args.use_vllm and args.vllm_mode == "colocate" and gpu_memory is not None:
            reserved = {"vLLM's reserved share": args.vllm_gpu_memory_utilization * gpu_memory}
            phases["generation"] = reserved
            if not args.vllm_enable_sleep_mode:  # it stays while the loss is computed
                phases["loss"] |= reserved
    if not on_cpu:
        host["processes"] = CPU_PROCESS * processes / nodes
    return Estimate(static, phases, host)


def _plain_states(sizes: ModelSizes, args: Any, processes: int, mixed: bool) -> dict[str, float]:  # noqa: ANN401
    width = sizes.dtype_bytes
    optimizer = str(getattr(args.optim, "value", args.optim))
    per_weight = 2 if "8bit" in optimizer else 0 if optimizer in ("sgd", "adafactor") else 2 * width
    parts = {
        "weights": float(sizes.weight_bytes),
        "gradients": float(sizes.trainable * width),
        "optimizer": float(sizes.trainable * per_weight),
    }
    if processes > 1:
        parts["gradient buckets"] = float(sizes.trainable * width)
    if mixed and width == 4:
        parts["16-bit copies of weights"] = 2.0 * (sizes.linear + sizes.head)
    return parts


def _fsdp_states(sizes: ModelSizes, args: Any, processes: int, mixed: bool) -> dict[str, float]:  # noqa: ANN401
    """Each process has a share of every part, and two whole layers: one is being computed, one is being fetched."""
    parts = {name: size / processes for name, size in _plain_states(sizes, args, 1, mixed).items()}
    return {**parts, "layers gathered from all GPUs": 2.0 * sizes.largest_layer * sizes.dtype_bytes}


def _zero_states(sizes: ModelSizes, zero: Zero, gpus: int, nodes: int) -> tuple[float, float]:
    """DeepSpeed's estimate for the trained weights, plus the frozen weights in 16 bits: bytes on a GPU, and on the host
    of a node."""
    from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs
    from deepspeed.runtime.zero.stage_1_and_2 import estimate_zero2_model_states_mem_needs

    frozen = 2.0 * (sizes.parameters - sizes.trainable) if sizes.trainable < sizes.parameters else 0.0
    if zero.stage == 3:
        on_host, on_gpu, _ = estimate_zero3_model_states_mem_needs(
            total_params=sizes.trainable,
            largest_layer_params=sizes.largest_layer,
            num_gpus_per_node=gpus,
            num_nodes=nodes,
            cpu_offload=zero.offload_optimizer,
            cpu_offload_params=zero.offload_parameters,
        )
        rest_on_host = frozen / nodes if zero.offload_parameters else 0.0
        return on_gpu + (0.0 if zero.offload_parameters else frozen / (gpus * nodes)), on_host + rest_on_host
    on_host, on_gpu = estimate_zero2_model_states_mem_needs(
        total_params=sizes.trainable, num_gpus_per_node=gpus, num_nodes=nodes, cpu_offload=zero.offload_optimizer
    )
    return on_gpu + frozen, float(on_host)


def _add_reference(
    settings: RunSettings,
    sizes: ModelSizes,
    zero: Zero,
    processes: int,
    static: dict[str, float],
    host: dict[str, float],
    *,
    fsdp: bool,
) -> None:
    """Add the start model that GRPO's KL term or DPO compares with. LoRA needs no extra copy, because its base is
    loaded already."""
    if settings.method == "sft" or settings.args.beta == 0 or settings.model.use_peft:
        return
    if zero.stage == 3 and zero.offload_parameters:
        host["start model for the KL term"] = 2.0 * sizes.parameters
    elif zero.stage == 3:
        static["start model for the KL term"] = 2.0 * sizes.parameters / processes
    elif fsdp:
        static["start model for the KL term"] = float(sizes.parameters * sizes.dtype_bytes) / processes
    else:
        static["start model for the KL term"] = float(sizes.parameters * (2 if zero.stage else sizes.dtype_bytes))


def _loss_phase(
    args: Any,  # noqa: ANN401
    sizes: ModelSizes,
    meta: MetaModel,
    batches: Batches,
    mixed: bool,
    zero: Zero,
) -> dict[str, float]:
    kept = float(meta.activation_bytes(batches.rows, batches.length, args.gradient_checkpointing))
    if mixed and args.gradient_checkpointing and not zero.stage and sizes.dtype_bytes == 4:
        # The layers' inputs, which checkpointing keeps, stay in 32 bits under autocast.
        layers = meta.config.num_hidden_layers
        kept += 2.0 * layers * batches.rows * batches.length * meta.config.hidden_size
    # TRL scores the answer's tokens on a GPU and every token on a CPU, in tiles.
    tokens = batches.rows * (batches.length if args.use_cpu or not batches.completion else batches.completion)
    width = 2 if mixed or sizes.dtype_bytes == 2 else 4
    tile = min(tokens, _TILE_TOKENS) * min(sizes.vocabulary, _TILE_VOCABULARY)
    # One tile of logits on a GPU, where a fused kernel works in place; on a CPU its backward pass holds eight more.
    head = tile * (width + (4 * _CPU_TILES if args.use_cpu else 0)) + 4.0 * tokens * meta.config.hidden_size
    if sizes.head_trains:
        head += 4.0 * sizes.head
    parts = {"activations": kept, "output layer": head}
    if args.use_cpu:
        parts["holes of the C allocator"] = _CPU_HOLES * kept
    return parts


def _generation_phase(args: Any, sizes: ModelSizes, batches: Batches, mixed: bool, zero: Zero) -> dict[str, float]:  # noqa: ANN401
    width = 2 if mixed or sizes.dtype_bytes == 2 else 4
    rows = batches.generated_rows
    sorts = args.top_p < 1 or args.top_k > 0
    parts = {
        "key-value cache": float(rows * batches.length * sizes.cache_values_per_token * width),
        # 32-bit logits, their scaled copy, probabilities and the draw; a sort adds values and places.
        "logits and sampling": float(rows * sizes.vocabulary * (4 * 4 + (12 if sorts else 0))),
    }
    if zero.stage == 3 and args.ds3_gather_for_generation and not args.use_vllm:
        parts["weights gathered from all GPUs"] = 2.0 * sizes.parameters
    return parts
