"""The TRL fields that do not affect what a run computes.

A preset states every other field, since trainers' defaults change. A test sorts each field of the installed classes
into one of the two lists, so new fields are noticed before a new release is allowed.
"""

from __future__ import annotations

from typing import Final


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


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
    "precompute_ref_log_probs precompute_ref_batch_size "
    # other words for steps_per_generation, use_transformers_continuous_batching, vllm_importance_sampling_clip_max
    "generation_batch_size use_transformers_paged vllm_importance_sampling_cap"
)
