#!/usr/bin/env bash
# GRPO training job: data, DeepSpeed config, training. Every setting can be set from outside, e.g.
#   MODEL=Qwen/Qwen2.5-3B NUM_EXAMPLES=1000 bash training/grpo.sh
# Further words go to the trainer: bash training/grpo.sh --max_steps 100 --report_to wandb
set -euo pipefail

ROOT="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
source "$ROOT/training/job_settings.sh"

MODEL="${MODEL:-Qwen/Qwen2.5-7B}"
POOL="${POOL:-yapeichang/BLEUBERI-Tulu3-50k}"
NUM_EXAMPLES="${NUM_EXAMPLES:-5000}"
SELECTION_MODE="${SELECTION_MODE:-hard}"
REF_MODELS="${REF_MODELS:-gold}"          # several: "gold claude-3-7-sonnet@20250219"
REWARD_FUNCS="${REWARD_FUNCS:-bleu}"      # several: "bleu rouge"
METRIC="${METRIC:-bleu}"                  # by which the hard examples are found
MAX_NEW_TOKENS="${MAX_NEW_TOKENS:-512}"   # of the outputs that are scored for selection
DATA_DIR="${DATA_DIR:-$ROOT/data}"
CKPT_DIR="${CKPT_DIR:-$ROOT/checkpoints}"
RUN_NAME="${RUN_NAME:-$(default_run_name "${REWARD_FUNCS// /-}")}"
DATASET_NAME="${DATASET_NAME:-$(default_dataset_name)}"
CONFIG="${CONFIG:-$DEFAULT_GRPO_CONFIG}"

check_job grpo "$NUM_EXAMPLES" "$DATA_DIR/data_grpo/$DATASET_NAME" \
    --config "$CONFIG" --dataset_path "$DATA_DIR/data_grpo/$DATASET_NAME" --model_name_or_path "$MODEL" \
    --reward_funcs $REWARD_FUNCS --output_dir "$CKPT_DIR/$RUN_NAME" "$@"

# 1. Data: the same command again uses what is there, and so does sft.sh.
make_grpo_data "$DATA_DIR/data_grpo/$DATASET_NAME"

# 2. DeepSpeed: by default ZeRO-3, optimizer and parameters offloaded to the CPU; LAUNCH chooses (training/README.md).
write_deepspeed_config "$CKPT_DIR/$RUN_NAME"

# 3. Training. It leaves a plain Hugging Face model folder in CKPT_DIR/RUN_NAME. REWARD_FUNCS is a list of words.
launch train grpo \
    --config "$CONFIG" \
    --dataset_path "$DATA_DIR/data_grpo/$DATASET_NAME" \
    --model_name_or_path "$MODEL" \
    --reward_funcs $REWARD_FUNCS \
    --output_dir "$CKPT_DIR/$RUN_NAME" \
    --run_name "$RUN_NAME" \
    "$@"
