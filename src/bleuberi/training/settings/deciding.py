"""Which of TRL's fields decide what a run computes, and which do not.

A preset states every deciding field, since trainers' defaults change. A test sorts each field of the installed classes
into one of these sets, so a new one is looked at before the next release is allowed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bleuberi.training.settings.rules import Method


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BOTH: Final = _names(
    # optimiser and schedule
    "learning_rate lr_scheduler_type lr_scheduler_kwargs warmup_steps optim optim_args optim_target_modules "
    "weight_decay adam_beta1 adam_beta2 adam_epsilon max_grad_norm "
    # batches and length of the run
    "num_train_epochs max_steps per_device_train_batch_size gradient_accumulation_steps shuffle_dataset seed data_seed "
    # loss and numbers
    "loss_type neftune_noise_alpha router_aux_loss_coef bf16 fp16 dtype "
    # what is trained
    "use_peft load_in_4bit "
    # the prompt
    "base_template"
)

DECIDING: Final[Mapping[Method, frozenset[str]]] = {
    "grpo": _BOTH | _names(
        # reward and advantage
        "reward_funcs reasoning reward_weights multi_objective_aggregation scale_rewards num_generations "
        # objective
        "beta use_bias_correction_kl epsilon epsilon_high delta num_iterations importance_sampling_level "
        "mask_truncated_completions top_entropy_quantile entropy_coef use_adaptive_entropy off_policy_mask_threshold "
        "sync_ref_model disable_dropout cast_lm_head_to_fp32 "
        # sampling
        "max_prompt_tokens max_completion_length steps_per_generation temperature top_p top_k min_p repetition_penalty "
        "generation_kwargs chat_template_kwargs use_vllm use_transformers_continuous_batching"),
    "sft": _BOTH | _names(
        "max_length truncation_mode completion_only_loss packing padding_free label_smoothing_factor "
        # GRPO has a sampler and a normaliser of its own
        "train_sampling_strategy dataloader_drop_last average_tokens_across_devices"),
}  # fmt: skip

# Fields that count where another one switches them on: (field, its values) -> what has to be stated then.
CONDITIONAL: Final[Mapping[tuple[str, Sequence[object]], frozenset[str]]] = {
    ("use_peft", (True,)): _names(
        "lora_r lora_alpha lora_dropout lora_target_modules lora_target_parameters lora_modules_to_save use_rslora "
        "use_dora"
    ),
    ("load_in_4bit", (True,)): _names("bnb_4bit_quant_type use_bnb_nested_quant"),
    ("use_vllm", (True,)): _names(
        "vllm_mode vllm_model_impl vllm_max_model_length vllm_importance_sampling_correction "
        "vllm_importance_sampling_mode vllm_importance_sampling_clip_max vllm_importance_sampling_clip_min"
    ),
    ("sync_ref_model", (True,)): frozenset({"ref_model_mixup_alpha", "ref_model_sync_steps"}),
    ("use_adaptive_entropy", (True,)): frozenset(
        {"entropy_coef_min", "entropy_coef_max", "entropy_coef_delta", "entropy_target"}
    ),
    ("loss_type", ("sapo",)): frozenset({"sapo_temperature_neg", "sapo_temperature_pos"}),
    ("loss_type", ("vespo",)): frozenset({"vespo_k_pos", "vespo_k_neg", "vespo_lambda_pos", "vespo_lambda_neg"}),
    ("packing", (True,)): frozenset({"packing_strategy"}),
    ("use_transformers_continuous_batching", (True,)): frozenset({"transformers_continuous_batching_config"}),
}

# Where a run lies and how fast it is, what is written down, what is not used here, and old names of other fields.
NOT_DECIDING: Final = _names(
    "output_dir dataset_path model_name_or_path model_revision run_name project resume_from_checkpoint "
    "restore_callback_states_from_checkpoint ignore_data_skip full_determinism tf32 "
    "gradient_checkpointing gradient_checkpointing_kwargs torch_compile torch_compile_backend torch_compile_mode "
    "use_liger_kernel liger_kernel_config use_cache torch_empty_cache_steps auto_find_batch_size attn_implementation "
    "activation_offloading pad_to_multiple_of cache_implementation ds3_gather_for_generation "
    "logging_strategy logging_steps logging_first_step log_on_each_node logging_nan_inf_filter log_level "
    "log_level_replica disable_tqdm report_to include_num_input_tokens_seen skip_memory_metrics debug "
    "trackio_space_id trackio_bucket_id trackio_static_space_id log_completions log_multimodal "
    "num_completions_to_print log_unique_prompts log_completions_hub_repo "
    "save_strategy save_steps save_total_limit save_only_model save_on_each_node enable_jit_checkpoint "
    "push_to_hub hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision "
    "use_cpu local_rank accelerator_config parallelism_config fsdp fsdp_config deepspeed ddp_find_unused_parameters "
    "ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout "
    "dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
    "dataloader_multiprocessing_context dataloader_in_order dataset_num_proc "
    "vllm_enable_sleep_mode vllm_gpu_memory_utilization vllm_tensor_parallel_size vllm_server_base_url "
    "vllm_server_host vllm_server_port vllm_server_timeout vllm_group_port vllm_structured_outputs_regex "
    # refused where they ask for something (`setting_conflicts`), or without effect on what is trained here
    "eval_strategy eval_steps eval_delay per_device_eval_batch_size prediction_loss_only eval_on_start "
    "eval_do_concat_batches eval_use_gather_object eval_accumulation_steps eval_packing num_generations_eval "
    "include_for_metrics batch_eval_metrics bf16_full_eval fp16_full_eval load_best_model_at_end "
    "metric_for_best_model greater_is_better do_train do_eval do_predict remove_unused_columns label_names "
    "length_column_name model_init_kwargs trust_remote_code load_in_8bit "
    "bnb_4bit_quant_storage lora_task_type dataset_text_field dataset_kwargs "
    "chat_template_path eos_token pad_token assistant_only_loss max_tool_calling_iterations "
    # other words for steps_per_generation, use_transformers_continuous_batching, vllm_importance_sampling_clip_max
    "generation_batch_size use_transformers_paged vllm_importance_sampling_cap"
)
