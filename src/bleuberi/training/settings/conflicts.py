"""Reject settings that contradict each other, that this tool does not implement, or that only older trainers had.

A setting that is accepted and then ignored is worse than a rejected one: the run would differ from its config file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from bleuberi.errors import UserError
from bleuberi.training.settings.rules import Findings, Method, Values


class Undone(NamedTuple):
    """A TRL field that this tool does not implement: the values with which it has no effect, the reason, and the
    remedy."""

    harmless: Sequence[object]
    why: str
    cure: str


_NO_EVALUATION: Final = "there is no evaluation data in a training run here"
_EVALUATE: Final = "Leave it out. GRPO evaluates itself with --dev_prompts 64; bleuberi evaluate compares models."
_LOADED_BEFORE: Final = "the model is loaded before the trainer sees this field"
_OWN_TOKENS: Final = "the data set is turned into tokens before the trainer sees it"

UNDONE: Final[Mapping[str, Undone]] = {
    "load_in_8bit": Undone((False,), "the model is not loaded in 8 bits here", "Write load_in_4bit: true (QLoRA)."),
    "eval_strategy": Undone(("no", False), _NO_EVALUATION, _EVALUATE),
    **dict.fromkeys(("do_eval", "do_predict", "eval_on_start", "load_best_model_at_end"),
                    Undone((False,), _NO_EVALUATION, _EVALUATE)),
    "model_init_kwargs": Undone(
        (None, {}), _LOADED_BEFORE, "Use dtype, attn_implementation and model_revision; leave this one out."
    ),
    "auto_find_batch_size": Undone((False,), "a smaller batch would be another run", "Lower the batch size yourself."),
}  # fmt: skip

GRPO_UNDONE: Final[Mapping[str, Undone]] = {
    "remove_unused_columns": Undone((False,), "the reward needs the column references", "Leave it out."),
    "log_completions_hub_repo": Undone(
        (None,),
        "it would upload prompts of the data set",
        "Leave it out: log_completions keeps them in output_dir/completions.",
    ),
}

SFT_UNDONE: Final[Mapping[str, Undone]] = {
    "completion_only_loss": Undone(
        (True, None), "the loss is on the answer and its end token alone", "Leave it out, or write true."
    ),
    **dict.fromkeys(
        ("assistant_only_loss",), Undone((False,), _OWN_TOKENS, "Leave it out: the loss is on the answer alone.")
    ),
    **dict.fromkeys(
        ("chat_template_path", "eos_token", "pad_token"),
        Undone((None,), _OWN_TOKENS, "Leave it out, and set it in the model's own tokenizer files."),
    ),
    "dataset_kwargs": Undone((None, {}), _OWN_TOKENS, "Leave it out."),
    "dataset_text_field": Undone(("text",), _OWN_TOKENS, "Leave it out."),
    "reasoning": Undone((False,), "the references have no tags, and are trained on as they are", "Leave it out."),
    "truncation_mode": Undone(
        ("keep_start",), "a pair without its prompt teaches nothing", "Leave it out, or raise max_length."
    ),
}

DPO_UNDONE: Final[Mapping[str, Undone]] = {
    **{name: SFT_UNDONE[name] for name in ("pad_token", "truncation_mode")},
    "reasoning": Undone((False,), "the pairs are trained on as they are", "Leave it out."),
    "precompute_ref_log_probs": Undone((False,), _OWN_TOKENS, "Leave it out; LoRA needs no second model in memory."),
    "padding_free": Undone((False,), "TRL's DPOTrainer ignores it", "Leave it out."),
}

_UNDONE_OF: Final[Mapping[Method, Mapping[str, Undone]]] = {
    "grpo": {**UNDONE, **GRPO_UNDONE},
    "sft": {**UNDONE, **SFT_UNDONE},
    "dpo": {**UNDONE, **DPO_UNDONE},
}

# What the paper's TRL 0.17 and its transformers had, and 1.16 has not. `{}` stands for the value that was given.
REMOVED: Final[Mapping[str, str]] = {
    "warmup_ratio": "Write warmup_steps: {}; below 1 it is a share of all steps.",
    "max_prompt_length": "Write max_prompt_tokens: {}; longer prompts are dropped and counted, not cut.",
    "max_seq_length": "Write max_length: {}.",
    "torch_dtype": "Write dtype: {}.",
    "no_cuda": "Write use_cpu: {}.",
    "use_mps_device": "Leave it out: the device is found.",
    "group_by_length": "Write train_sampling_strategy: group_by_length.",
    "use_liger_loss": "Leave it out: log-probabilities are computed in chunks by default now.",
    "use_liger": "Leave it out: the loss is computed in chunks by default now.",
    "wandb_log_unique_prompts": "Write log_unique_prompts: {}.",
    "vllm_guided_decoding_regex": "Write vllm_structured_outputs_regex: {}.",
    "vllm_max_model_len": "Write vllm_max_model_length: {}.",
    "vllm_device": "Write vllm_mode: colocate, or start a server and write vllm_mode: server.",
    "vllm_dtype": "Leave it out: vLLM takes the model's own.",
    "vllm_enable_prefix_caching": "Leave it out: vLLM does it by default.",
    "adafactor": "Write optim: adafactor.",
    "per_gpu_train_batch_size": "Write per_device_train_batch_size: {}.",
    "per_gpu_eval_batch_size": _EVALUATE,
    "logging_dir": "Set the environment variable TENSORBOARD_LOGGING_DIR.",
    "save_safetensors": "Leave it out: models are always saved so.",
    "overwrite_output_dir": "Leave it out: the same command goes on; for a fresh start choose another output_dir.",
    "push_to_hub_model_id": "Write hub_model_id: {}.",
    "push_to_hub_token": "Write hub_token: {}.",
    "torchdynamo": "Write torch_compile_backend: {}.",
    **dict.fromkeys(
        ("fp16_backend", "half_precision_backend", "fp16_opt_level"), "Leave it out: bf16 and fp16 are all there is."
    ),
    **dict.fromkeys(
        ("dataset_batch_size", "include_inputs_for_metrics", "use_legacy_prediction_loop", "push_to_hub_organization",
         "fsdp_min_num_params", "fsdp_transformer_layer_cls_to_wrap",
         "num_of_sequences", "chars_per_token", "include_tokens_per_second", "jit_mode_eval",
         "use_ipex", "past_index", "ray_scope", "mp_parameters", "tpu_num_cores", "tpu_metrics_debug", "tp_size"),
        "Leave it out.",
    ),
}  # fmt: skip


def check_removed(place: str, values: Values) -> Findings:
    """Find fields of older trainers, and name their replacements. `place`: the file or command."""
    for name in values:
        if name in REMOVED:
            yield UserError(
                f"{place} has {name}, which TRL 1.x and transformers 5 no longer have.",
                REMOVED[name].format(values[name]),
            )


def check_undone(method: Method, values: Values) -> Findings:
    """Find TRL fields that this tool does not implement."""
    for name, undone in _UNDONE_OF[method].items():
        if name in values and _plain(values[name]) not in undone.harmless:
            yield UserError(f"{name} is {_plain(values[name])!s:.60}: {undone.why}.", undone.cure)


def check_together(method: Method, values: Values) -> Findings:
    """Find settings that contradict each other, which the trainer would only notice with the model in memory."""
    if values.get("enable_jit_checkpoint") and values.get("save_only_model"):
        yield UserError(
            "enable_jit_checkpoint saves a checkpoint to resume from, but save_only_model leaves out the files that "
            "resuming needs.",
            "Write save_only_model: false, or enable_jit_checkpoint: false.",
        )
    yield from _check_hardware(values)
    if values.get("load_in_4bit"):
        yield from _check_qlora(values)
    if values.get("use_peft"):
        yield from _check_lora(values)
    if method == "sft":
        if values.get("padding_free") and not values.get("packing") and values.get("max_length") is not None:
            yield UserError(
                f"padding_free does not enforce max_length {values['max_length']}.",
                "Write packing: true, or max_length: null if no pair is too long for memory.",
            )
        return
    if values.get("sync_ref_model"):
        if (values.get("deepspeed") or values.get("fsdp")) and str(
            getattr(values.get("save_strategy"), "value", "")
        ) != "no":
            yield UserError(
                "sync_ref_model changes a reference model that checkpoints of split models do not have.",
                "Write save_strategy: 'no', or sync_ref_model: false.",
            )
        if values.get("beta") == 0:
            yield UserError("sync_ref_model is on and beta is 0: there is no reference model.", "Write beta: 0.04.")
        if values.get("use_peft"):
            yield UserError(
                "sync_ref_model needs a reference model; with LoRA it is the base model itself.",
                "Write sync_ref_model: false, or use_peft: false.",
            )
    if method == "dpo":
        if "exo_pair" in (values.get("loss_type") or ()) and not values.get("label_smoothing"):
            yield UserError("loss_type exo_pair needs label_smoothing above 0.", "Write label_smoothing: 0.001.")
        return
    if values.get("warm_start") and values.get("deepspeed"):
        raise UserError(
            "warm_start cannot be combined with DeepSpeed, which a process can set up only once.",
            "Run bleuberi train sft first, and start from its model.",
        )
    if values.get("use_vllm"):
        yield from _check_vllm(values)


def _check_hardware(values: Values) -> Findings:
    """Settings that need a GPU, without one."""
    if not values.get("use_cpu"):
        return
    flash = str(values.get("attn_implementation") or "").startswith("flash")
    for name, asked in (("use_liger_kernel", values.get("use_liger_kernel")), ("attn_implementation", flash),
                        ("use_kernels", values.get("use_kernels")),
                        ("activation_offloading", values.get("activation_offloading"))):  # fmt: skip
        if asked:
            yield UserError(f"{name} is {values[name]} and needs a GPU, but use_cpu is on.", f"Leave {name} out.")


def _check_qlora(values: Values) -> Findings:
    """4-bit weights that would be trained or written themselves."""
    if not values.get("use_peft"):
        yield UserError("load_in_4bit is on, and 4-bit weights cannot be trained.", "Write use_peft: true (QLoRA).")
    if values.get("use_vllm"):
        yield UserError(
            "load_in_4bit cannot be combined with use_vllm: TRL would merge the adapter into 4-bit weights, losing it.",
            "Write use_vllm: false, or load_in_4bit: false.",
        )


def _check_lora(values: Values) -> Findings:
    """LoRA on or beside the output layer: TRL's loss multiplies by its plain weights."""
    targets = values.get("lora_target_modules")
    if isinstance(targets, str):
        hit = targets != "all-linear" and re.fullmatch(targets, "lm_head") is not None
    else:
        hit = any(str(target).rpartition(".")[2] == "lm_head" for target in targets or ())
    if hit:
        yield UserError(
            "lora_target_modules has lm_head, but the loss uses the layer's own weights: its adapter would not train.",
            "Remove lm_head; all-linear omits it.",
        )
    if values.get("cast_lm_head_to_fp32"):
        yield UserError(
            "cast_lm_head_to_fp32 cannot be combined with LoRA: TRL would replace the wrong output layer.",
            "Write cast_lm_head_to_fp32: false, or use_peft: false.",
        )


def _check_vllm(values: Values) -> Findings:
    context = values.get("vllm_max_model_length")
    prompt, answer = values.get("max_prompt_tokens"), values.get("max_completion_length")
    if isinstance(context, int) and isinstance(prompt, int) and isinstance(answer, int) and context < prompt + answer:
        yield UserError(
            f"vllm_max_model_length {context} holds no prompt of {prompt} tokens (max_prompt_tokens) with an answer of "
            f"{answer} (max_completion_length).",
            f"Write vllm_max_model_length: {prompt + answer}.",
        )
    if values.get("loss_type") == "vespo" and values.get("vllm_importance_sampling_correction"):
        mode = values.get("vllm_importance_sampling_mode")
        if mode not in ("token_truncate", "token_mask"):
            yield UserError(
                f"loss_type vespo cannot be combined with vllm_importance_sampling_mode {mode}.",
                "Write vllm_importance_sampling_mode: token_truncate.",
            )


def _plain(value: object) -> object:
    """An enum's member as its value; a flag's text as what YAML would make of it."""
    value = getattr(value, "value", value)
    return {"true": True, "false": False, "none": None}.get(value.lower(), value) if isinstance(value, str) else value
