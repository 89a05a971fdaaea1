#!/usr/bin/env bash
# SFT training job: data, DeepSpeed config, training. Every setting can be set from outside, e.g.
#   MODEL=Qwen/Qwen2.5-3B GRPO_DATA=data/data_grpo/my_grpo_dataset bash training/sft.sh
# Further words go to the trainer: bash training/sft.sh --max_steps 100 --report_to wandb
set -euo pipefail

ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
source "$ROOT/training/job_settings.sh"

MODEL="${MODEL:-Qwen/Qwen2.5-7B}"
POOL="${POOL:-yapeichang/BLEUBERI-Tulu3-50k}"
NUM_EXAMPLES="${NUM_EXAMPLES:-5000}"
SELECTION_MODE="${SELECTION_MODE:-hard}"
REF_MODELS="${REF_MODELS:-gold}"          # several: "gold claude-3-7-sonnet@20250219"
METRIC="${METRIC:-bleu}"
MAX_NEW_TOKENS="${MAX_NEW_TOKENS:-512}"
DATA_DIR="${DATA_DIR:-$ROOT/data}"
CKPT_DIR="${CKPT_DIR:-$ROOT/checkpoints}"
RUN_NAME="${RUN_NAME:-$(default_run_name SFT)}"
GRPO_DATA="${GRPO_DATA:-$DATA_DIR/data_grpo/${DATASET_NAME:-$(default_dataset_name)}}"
CONFIG="${CONFIG:-$DEFAULT_SFT_CONFIG}"

check_job sft "$((NUM_EXAMPLES * $(wc -w <<<"$REF_MODELS")))" "$GRPO_DATA" \
    --config "$CONFIG" --dataset_path "$DATA_DIR/data_sft/$(basename "$GRPO_DATA")_SFT" --model_name_or_path "$MODEL" \
    --output_dir "$CKPT_DIR/$RUN_NAME" "$@"

# 1. Data: the pairs come from a GRPO data set, by default that of grpo.sh, which is made first if it is missing.
if ! is_dataset "$GRPO_DATA"; then
    if [[ "$(basename "$(dirname "$GRPO_DATA")")" != data_grpo ]]; then
        echo "Error: there is no data set $GRPO_DATA, and none can be made there: it is not in a folder data_grpo." >&2
        echo "Give GRPO_DATA=.../data_grpo/NAME, or leave it out." >&2
        exit 2
    fi
    make_grpo_data "$GRPO_DATA"
fi
"$PYTHON" "$ROOT/training/create_training_data.py" sft --input_data_path "$GRPO_DATA" --output_dir "$DATA_DIR"

# 2. DeepSpeed: by default ZeRO-3, optimizer and parameters offloaded to the CPU; LAUNCH chooses (training/README.md).
write_deepspeed_config "$CKPT_DIR/$RUN_NAME"

# 3. Training. It leaves a plain Hugging Face model folder in CKPT_DIR/RUN_NAME.
launch train sft \
    --config "$CONFIG" \
    --dataset_path "$DATA_DIR/data_sft/$(basename "$GRPO_DATA")_SFT" \
    --model_name_or_path "$MODEL" \
    --output_dir "$CKPT_DIR/$RUN_NAME" \
    --run_name "$RUN_NAME" \
    "$@"
