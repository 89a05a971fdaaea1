"""TRL's fields that decide what a run computes. A preset states each of them, since trainers' defaults change."""


def _names(words):
    return frozenset(words.split())


_BOTH = _names(
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

DECIDING = {
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
    "dpo": _BOTH - {"shuffle_dataset"} | _names(
        "max_length truncation_mode train_sampling_strategy dataloader_drop_last "
        "beta loss_weights ld_alpha discopop_tau f_divergence_type label_smoothing use_weighting sync_ref_model "
        "disable_dropout"),
}  # fmt: skip

# Fields that count where another one switches them on: (field, its values) -> what has to be stated then.
CONDITIONAL = {
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
    ("f_divergence_type", ("alpha_divergence",)): frozenset({"f_alpha_divergence_coef"}),
    ("use_transformers_continuous_batching", (True,)): frozenset({"transformers_continuous_batching_config"}),
}
