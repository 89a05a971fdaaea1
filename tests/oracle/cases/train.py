"""Cases of `train`, `doctor` and `evaluate`."""

import shutil

from tests.oracle.cases.words import CANNED, GIVEN, GRPO, Case

TRAINED = "--model_name_or_path inputs/model"
RUN = "--max_completion_length 8 --num_generations 4 --per_device_train_batch_size 8 --logging_steps 1 --warmup_steps 0"
TRAIN_GRPO = f"bleuberi train grpo --config grpo_cpu --dataset_path data/data_grpo/small {TRAINED} {RUN} --json"
TRAIN_SFT = (
    "bleuberi train sft --config sft_cpu --learning_rate 0.02 --warmup_steps 0 --dataset_path data/data_sft/small_SFT "
    f"{TRAINED} --json"
)
LORA = "--learning_rate 0.02 --lora_r 2 --lora_alpha 4 --lora_target_modules q_proj v_proj --max_steps 3 --save_steps 2"
EVALUATE = "bleuberi evaluate --prompts inputs/pool.jsonl --ref_models gold second --max_new_tokens 8 --json"
COMPARE = f"{EVALUATE} --engine transformers --models base=inputs/model"
DOCTOR = "--host_memory 64 --json"


def _killed(place):
    """A run as a kill before its last checkpoint leaves it: an earlier checkpoint, no model and no manifest."""
    for run in ("grpo", "sft"):
        shutil.copytree(place / run, place / f"{run}_killed", ignore=shutil.ignore_patterns(".lock"))
        for path in (place / f"{run}_killed").iterdir():
            if path.name in ("manifest.json", "model.safetensors", "adapter", "checkpoint-3"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


TRAIN = [
    Case(
        "data",
        f"{GRPO} {GIVEN} --metric bleu --num_examples 10 --output_dir data --json --output_dataset_name small",
    ),
    Case("data for sft", "bleuberi data sft --input_data_path data/data_grpo/small --output_dir data --json"),
    Case("doctor, grpo", f"bleuberi doctor --config grpo_cpu --dataset_path data/data_grpo/small {TRAINED} {DOCTOR}"),
    Case(
        "doctor, eight GPUs",
        f"bleuberi doctor --config grpo_paper --dataset_path data/data_grpo/small {TRAINED} --processes 8 "
        "--gpu A100-80GB --host_memory 1000 --deepspeed zero3_offload --json",
    ),
    Case("doctor, sft", f"bleuberi doctor --config sft_cpu --dataset_path data/data_sft/small_SFT {TRAINED} {DOCTOR}"),
    Case(
        "doctor, a batch that cannot be",
        f"bleuberi doctor --config grpo_cpu --dataset_path data/data_grpo/small {TRAINED} --num_generations 5 {DOCTOR}",
    ),
    Case("doctor, no data", f"bleuberi doctor --config grpo_cpu --dataset_path nowhere {TRAINED} {DOCTOR}"),
    Case("doctor, processes", "bleuberi doctor --config grpo_cpu --processes 0"),
    Case("grpo with LoRA", f"{TRAIN_GRPO} {LORA} --output_dir grpo"),
    Case("grpo again is finished", f"{TRAIN_GRPO} {LORA} --output_dir grpo"),
    Case("grpo, other settings", f"{TRAIN_GRPO} {LORA} --output_dir grpo --weight_decay 0.1"),
    Case("grpo, another seed", f"{TRAIN_GRPO} {LORA} --output_dir grpo_1 --seed 1 --save_strategy no"),
    Case(
        "grpo, own reward, gate, samples, whole model, SGD",
        f"{TRAIN_GRPO} --output_dir vowels --reward_funcs oracle_rewards:Vowels bleu --reward_weights 1.0 0.5 "
        "--use_peft false --optim sgd --learning_rate 1.0 --max_grad_norm 1 --max_steps 2 --save_strategy no "
        "--low_signal_gate true --sample_every 1 --sample_prompts 2",
    ),
    Case(
        "grpo that a warning stops",
        f"{TRAIN_GRPO} {LORA} --output_dir stopped --stop_on_warning true --monitor_window 1 "
        "--reward_funcs oracle_rewards:Flat",
    ),
    Case(
        "grpo that goes on in spite of it",
        f"{TRAIN_GRPO} {LORA} --output_dir stopped --stop_on_warning false --monitor_window 1 "
        "--reward_funcs oracle_rewards:Flat",
    ),
    Case(
        "sft, whole model",
        f"{TRAIN_SFT} --output_dir sft --use_peft false --max_steps 3 --save_strategy steps --save_steps 1",
    ),
    Case(
        "sft again is finished",
        f"{TRAIN_SFT} --output_dir sft --use_peft false --max_steps 3 --save_strategy steps --save_steps 1",
    ),
    Case("sft with LoRA", f"{TRAIN_SFT} --output_dir sft_lora --lora_r 2 --max_length 64 --max_steps 2"),
    Case("grpo resumes", f"{TRAIN_GRPO} {LORA} --output_dir grpo_killed", _killed),
    Case(
        "sft resumes",
        f"{TRAIN_SFT} --output_dir sft_killed --use_peft false --max_steps 3 --save_strategy steps --save_steps 1",
    ),
    Case("no data set", f"bleuberi train grpo --config grpo_cpu --dataset_path nowhere {TRAINED} --output_dir x"),
    Case("no model", "bleuberi train grpo --config grpo_cpu --dataset_path data/data_grpo/small --output_dir x"),
    Case("no such config", f"bleuberi train grpo --config grpo_moon --dataset_path data/data_grpo/small {TRAINED}"),
    Case("config of the other method", f"{TRAIN_GRPO.replace('grpo_cpu', 'sft_cpu')} --output_dir x"),
    Case("unknown field", f"{TRAIN_GRPO} --output_dir x --learning_speed 3"),
    Case("a value that cannot be", f"{TRAIN_GRPO} --output_dir x --temperature -1"),
    Case("batch that cannot be", f"{TRAIN_GRPO} --output_dir x --num_generations 5"),
    Case("checkpoints within a generation", f"{TRAIN_GRPO} --output_dir x --steps_per_generation 2 --save_steps 1"),
    Case("unknown reward", f"{TRAIN_GRPO} --output_dir x --reward_funcs bluff"),
    Case("weights for another number of rewards", f"{TRAIN_GRPO} --output_dir x --reward_weights 1 2"),
    Case("prompts too long", f"{TRAIN_GRPO} --output_dir x --max_prompt_tokens 2"),
    Case("sft data for grpo", f"{TRAIN_GRPO.replace('data_grpo/small', 'data_sft/small_SFT')} --output_dir x"),
    Case(
        "evaluate",
        f"{COMPARE} grpo=grpo sft=sft --output_dir compared",
    ),
    Case(
        "evaluate again",
        f"{COMPARE} grpo=grpo sft=sft --output_dir compared",
    ),
    Case(
        "evaluate, other settings",
        f"{COMPARE} sft=sft --output_dir compared",
    ),
    Case(
        "evaluate groups of seeds",
        f"{COMPARE} grpo@0=grpo grpo@1=grpo_1 sft=sft --metrics bleu oracle_rewards:Vowels "
        "--output_dir seeds --cache_dir compared/inference_outputs",
    ),
    Case(
        "evaluate with a judge",
        f"{COMPARE} sft=sft --judge served-judge --judge_url SERVER --output_dir judged "
        "--cache_dir compared/inference_outputs",
    ),
    Case(
        "evaluate without references",
        f"{COMPARE} sft=sft --no_references --output_dir words --cache_dir compared/inference_outputs",
    ),
    Case("evaluate canned answers", f"{EVALUATE} --models a=m {CANNED} --output_dir canned --metrics rouge"),
    Case(
        "evaluate, same model as two seeds", f"{EVALUATE} --models base=inputs/model x@0=grpo x@1=grpo --output_dir x"
    ),
    Case("evaluate, no name", f"{EVALUATE} --models inputs/model --output_dir x"),
    Case("evaluate, no such pool", "bleuberi evaluate --models a=inputs/model --prompts nowhere.jsonl --output_dir x"),
    Case("evaluate, no tokens", f"{EVALUATE} --models a=inputs/model --output_dir x --max_new_tokens 0"),
    Case("report", "bleuberi report . --no_figures --output_dir page --json"),
    Case("report without texts", "bleuberi report grpo compared judged --no_texts --no_figures --json"),
]
