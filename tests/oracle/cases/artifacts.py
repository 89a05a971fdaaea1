"""Cases of commands on the files that an earlier version left in `artifacts/`."""

from tests.oracle.cases.agreement import PAIRS, SYSTEMS
from tests.oracle.cases.train import COMPARE, RUN, TRAINED
from tests.oracle.cases.words import GIVEN, GRPO, POOL, TINY, Case

# What `artifacts/` was made with; `make_artifacts.py` typed these words, and the cases below type them again.
LEFT = {
    "tiny": f"{GRPO} {TINY} --metric bleu --num_examples 8 --output_dir data --json --output_dataset_name tiny",
    "hard": f"{GRPO} {GIVEN} --metric bleu --num_examples 10 --output_dir data --json --output_dataset_name hard",
    "vowels": f"{GRPO} {GIVEN} --metric oracle_rewards:Vowels --num_examples 6 --output_dir data --json "
    "--output_dataset_name vowels",
    "sft": "bleuberi data sft --input_data_path data/data_grpo/hard --output_dir data --json",
    "references": f"bleuberi references {POOL} --model inputs/model --engine transformers --max_new_tokens 8 "
    "--temperature 0 --output more.jsonl --json",
    "imported": "bleuberi data import inputs/layouts/named.jsonl inputs/layouts/generator.jsonl --output new.jsonl "
    "--json",
    "served": f"{GRPO} --engine openai --base_url SERVER --concurrency 1 --model served --metric bleu --num_examples 6 "
    "--inference_max_new_tokens 32 --output_dir data --json --output_dataset_name served",
    "evaluation": f"{COMPARE} trained=runs/finished --output_dir evaluation",
}
HALF = (
    f"bleuberi train grpo --config grpo_cpu --dataset_path data/data_grpo/hard {TRAINED} {RUN} --json --lora_r 2 "
    "--lora_alpha 4 --lora_target_modules q_proj v_proj --learning_rate 0.02 --max_steps 4 --save_steps 2 "
    "--reward_funcs oracle_rewards:Vowels bleu --sample_every 2 --sample_prompts 2"
)
CHECKED = (
    "bleuberi data check inputs/doubtful_pool.jsonl --drop duplicate_prompt refusal --held_out 2 --output_dir checked "
    "--json"
)
AGREED = (f"{PAIRS} pairs", f"{SYSTEMS} systems --label_column win_rate")

ARTIFACTS = [
    Case("data set of a model's outputs", LEFT["tiny"]),
    Case("data set of given outputs", LEFT["hard"]),
    Case("data set with a reward of one's own", LEFT["vowels"]),
    Case("data set for sft", LEFT["sft"]),
    Case("references", LEFT["references"]),
    Case("imported pool", LEFT["imported"]),
    Case("caches", "bleuberi cache ls data --json"),
    Case(
        "other rows of cached outputs and kept scores",
        LEFT["tiny"].replace("--output_dataset_name tiny", "--selection_mode easy --output_dataset_name tiny_easy"),
    ),
    Case("the journal of a killed run", LEFT["served"]),
    Case("finished training", f"{HALF} --output_dir runs/finished"),
    Case("finished training, other settings", f"{HALF} --output_dir runs/finished --seed 3"),
    Case("killed training, other settings", f"{HALF} --output_dir runs/half --seed 3"),
    Case("killed training", f"{HALF} --output_dir runs/half"),
    Case("evaluation", LEFT["evaluation"]),
    Case("evaluation, other settings", f"{COMPARE} --output_dir evaluation"),
    Case("checked pool", CHECKED),
    Case("checked pool, other settings", f"{CHECKED} --seed 3"),
    Case("use of a checked pool", "bleuberi data check checked/train.jsonl --json"),
    Case("agreement on pairs", AGREED[0]),
    Case("agreement on systems", AGREED[1]),
    Case("report", "bleuberi report . --no_figures --output_dir page --json"),
    Case("prune shows nothing whole", "bleuberi cache prune data"),
]
