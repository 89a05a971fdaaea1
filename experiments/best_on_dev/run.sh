#!/usr/bin/env bash
# Is the checkpoint that is the best on dev prompts also better than the last one on other prompts? Three GRPO runs of
# 12 steps, evaluated every 3 steps on 32 dev prompts; base, best and last are compared on 64 test prompts. The learning
# rate is four times the one of learn_facts, so that a run can get worse again. Usage: bash run.sh OUT [SEED ...]
set -euo pipefail
cd "$(dirname "$0")/../.."
OUT=$1
shift
bleuberi() { "${PYTHON:-python}" -m bleuberi.cli.main "$@"; }
MODEL=${MODEL:-$("${PYTHON:-python}" -c 'from bleuberi.demo.model import demo_model_folder; print(demo_model_folder())')}
mkdir -p "$OUT"

for pool in "train 400 1" "dev 32 21" "test 64 31"; do
    read -r split rows seed <<< "$pool"
    [ -f "$OUT/$split.jsonl" ] || bleuberi data generate --split "$split" --rows "$rows" --seed "$seed" --output "$OUT/$split.jsonl"
done
data() {
    bleuberi data grpo --hf_dataset_path "$OUT/$1.jsonl" --ref_models all --min_references 2 --selection_mode random \
        --num_examples "$2" --seed 1 --output_dir "$OUT" --output_dataset_name "$1"
}
data train 160
data dev 32

[ $# -gt 0 ] || set -- 1 2 3
for seed in "$@"; do
    run=$OUT/grpo_$seed
    bleuberi train grpo --config grpo_cpu_long --dataset_path "$OUT/data_grpo/train" --model_name_or_path "$MODEL" \
        --output_dir "$run" --seed "$seed" --attn_implementation eager --max_completion_length 32 \
        --per_device_train_batch_size 4 --gradient_accumulation_steps 4 --num_generations 4 --max_grad_norm 0.5 \
        --learning_rate 2e-3 --max_steps 12 --save_steps 3 --sample_every 0 \
        --dev_prompts 32 --dev_dataset_path "$OUT/data_grpo/dev" --dev_every 3
    # The exported model is the best checkpoint; a second name gets the last one, merged in the same way.
    "${PYTHON:-python}" - "$run" "$MODEL" "$OUT/last_$seed" <<'PYTHON'
import sys
from pathlib import Path

from trl import ModelConfig

from bleuberi.training.merge import merged_model
from bleuberi.training.model_loading import load_policy_tokenizer

run, base, folder = sys.argv[1:]
tokenizer = load_policy_tokenizer(base)
settings = ModelConfig(model_name_or_path=base, use_peft=True)
merged_model(settings, Path(run) / "checkpoint-12", tokenizer, False).save_pretrained(folder)
tokenizer.save_pretrained(folder)
PYTHON
    bleuberi evaluate --models "base=$MODEL" "best=$run" "last=$OUT/last_$seed" --prompts "$OUT/test.jsonl" \
        --ref_models all --min_references 2 --max_new_tokens 32 --metrics bleu rouge --controls none \
        --primary best:last:bleu --engine transformers --engine_args dtype=bfloat16 --cache_dir "$OUT/answers" \
        --output_dir "$OUT/test_$seed"
done
