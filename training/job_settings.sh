# What grpo.sh and sft.sh share; sourced by them with ROOT set. Which Python, how many GPUs, how to launch.

PYTHON="${PYTHON:-$([[ -x "$ROOT/.venv/bin/python" ]] && echo "$ROOT/.venv/bin/python" || echo python)}"
NUM_GPUS="${NUM_GPUS:-$("$PYTHON" -c 'import torch; print(torch.cuda.device_count())')}"

if ((NUM_GPUS > 0)); then
    DEFAULT_GRPO_CONFIG="$ROOT/training/configs/grpo_paper.yaml"
    DEFAULT_SFT_CONFIG="$ROOT/training/configs/sft_paper.yaml"
else
    DEFAULT_GRPO_CONFIG="$ROOT/training/configs/grpo_cpu.yaml"
    DEFAULT_SFT_CONFIG="$ROOT/training/configs/sft_cpu.yaml"
fi

# The trainer fills every "auto" from its own settings.
write_deepspeed_config() {
    DEEPSPEED_CONFIG="$1"
    mkdir -p "$(dirname "$DEEPSPEED_CONFIG")"
    cat >"$DEEPSPEED_CONFIG" <<'JSON'
{
  "zero_optimization": {
    "stage": 3,
    "offload_optimizer": {"device": "cpu", "pin_memory": true},
    "offload_param": {"device": "cpu", "pin_memory": true},
    "overlap_comm": true,
    "contiguous_gradients": true,
    "reduce_bucket_size": "auto",
    "stage3_prefetch_bucket_size": "auto",
    "stage3_param_persistence_threshold": "auto",
    "stage3_gather_16bit_weights_on_model_save": true
  },
  "bf16": {"enabled": "auto"},
  "gradient_clipping": "auto",
  "gradient_accumulation_steps": "auto",
  "train_batch_size": "auto",
  "train_micro_batch_size_per_gpu": "auto"
}
JSON
}

# With GPUs: one process a GPU, under DeepSpeed. Without: one process on the CPU, with the small presets.
launch() {
    if ((NUM_GPUS > 0)); then
        "$PYTHON" -m accelerate.commands.launch --num_processes "$NUM_GPUS" --num_machines 1 --mixed_precision bf16 \
            --module bleuberi.cli.main "$@" --deepspeed "$DEEPSPEED_CONFIG"
    else
        echo "No GPU found: training on the CPU, without DeepSpeed (its config is written all the same), with $CONFIG."
        GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-0}" "$PYTHON" -m bleuberi.cli.main "$@"
    fi
}
