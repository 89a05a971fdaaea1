"""The commands of the oracle, in groups. Each group runs in a folder of its own, where later cases find earlier files.

To add a case: append it to its group, then run `python -m tests.oracle.record GROUP`.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """A command as it would be typed in a folder that holds `inputs/`; SERVER is the address of a model's server.

    `before` changes the folder first, as a user or a killed run could have.
    """

    name: str
    words: str
    before: Callable[[Path], None] | None = None


POOL = "--hf_dataset_path inputs/pool.jsonl"
THREE = "--ref_models gold second third"
GIVEN = "--outputs inputs/outputs.jsonl --model made/writer-1b"
GRPO = f"bleuberi data grpo {POOL} {THREE}"
OUT = "--output_dir out --json --output_dataset_name"
TINY = "--engine transformers --model inputs/model --inference_max_new_tokens 12"
CANNED = "--engine canned --answers inputs/answers.jsonl"


def _original_files(place):
    """Outputs and scores as the original tool left them, where this one looks for them."""
    for folder in ("inference_outputs", "scored_outputs"):
        (place / "imported" / folder).mkdir(parents=True)
    shutil.copy(place / "inputs/outputs.csv", place / "imported/inference_outputs/writer-1b_inference_results.csv")
    shutil.copy(
        place / "inputs/original_scores.json", place / "imported/scored_outputs/pool_bleu_elsewhere_1ref-gold.json"
    )


def _foreign_folder(place):
    (place / "foreign").mkdir()
    (place / "foreign/file.txt").write_text("not ours")


DATA_GRPO = [
    Case("hard", f"{GRPO} {GIVEN} --metric bleu --num_examples 8 {OUT} hard"),
    Case("hard again is reused", f"{GRPO} {GIVEN} --metric bleu --num_examples 8 {OUT} hard"),
    Case("other settings are refused", f"{GRPO} {GIVEN} --metric bleu --num_examples 9 {OUT} hard"),
    Case("overwrite", f"{GRPO} {GIVEN} --metric bleu --num_examples 9 {OUT} hard --overwrite"),
    Case("easy", f"{GRPO} {GIVEN} --selection_mode easy --metric bleu --num_examples 8 {OUT} easy"),
    Case("medium", f"{GRPO} {GIVEN} --selection_mode medium --metric bleu --num_examples 7 {OUT} medium"),
    Case("all, sorted, generated name", f"{GRPO} {GIVEN} --metric bleu --output_dir out --json"),
    Case("random without scores", f"{GRPO} --selection_mode random --num_examples 6 {OUT} random"),
    Case("random, other seed", f"{GRPO} --selection_mode random --num_examples 6 --seed 7 {OUT} random7"),
    Case("random with scores", f"{GRPO} {GIVEN} --selection_mode random --num_examples 6 --metric bleu {OUT} randomly"),
    Case("rouge", f"{GRPO} {GIVEN} --metric rouge --num_examples 8 {OUT} rouge"),
    Case("bleu_rouge_f1", f"{GRPO} {GIVEN} --metric bleu_rouge_f1 --num_examples 8 {OUT} f1"),
    Case("a reward of one's own", f"{GRPO} {GIVEN} --metric oracle_rewards:Vowels --num_examples 8 {OUT} vowels"),
    Case(
        "all references, two are enough",
        f"bleuberi data grpo {POOL} --ref_models all --min_references 2 {GIVEN} --metric bleu --num_examples 8 "
        f"{OUT} two",
    ),
    Case(
        "outputs as CSV, gold reference",
        f"bleuberi data grpo {POOL} --outputs inputs/outputs.csv --metric bleu --num_examples 8 {OUT} csv",
    ),
    Case(
        "pool in gzip",
        f"bleuberi data grpo --hf_dataset_path inputs/pool.jsonl.gz {GIVEN} --metric bleu --num_examples 3 {OUT} gz",
    ),
    Case(
        "signal from stored samples",
        f"{GRPO} --selection_mode signal --outputs inputs/samples.jsonl --metric bleu --num_samples 6 --num_examples 6 "
        f"{OUT} signal",
    ),
    Case(
        "signal without strata, cut outputs allowed",
        f"{GRPO} --selection_mode signal --outputs inputs/samples.jsonl --metric rouge --num_samples 4 --stratify none "
        f"--max_cut_share 0.5 --num_examples 5 {OUT} signal4",
    ),
    Case("a model answers", f"{GRPO} {TINY} --metric bleu --num_examples 8 {OUT} tiny"),
    Case("its answers are cached", f"{GRPO} {TINY} --metric rouge --num_examples 5 {OUT} tiny_rouge"),
    Case(
        "signal from a model",
        f"{GRPO} {TINY} --selection_mode signal --metric oracle_rewards:Vowels --num_samples 4 --max_cut_share 1 "
        f"--num_examples 6 {OUT} tiny_signal",
    ),
    Case("canned answers", f"{GRPO} {CANNED} --model m --metric bleu --num_examples 8 {OUT} canned"),
    Case(
        "a server's answers",
        f"{GRPO} --engine openai --base_url SERVER --model served --metric bleu --num_examples 8 {OUT} served",
    ),
    Case(
        "outputs of the original tool",
        f"bleuberi data grpo {POOL} --model writer-1b --engine canned --answers inputs/answers.jsonl --metric bleu "
        "--num_examples 8 --output_dir imported --output_dataset_name outputs --json",
        _original_files,
    ),
    Case(
        "scores of the original tool",
        f"bleuberi data grpo {POOL} --model elsewhere --engine canned --answers inputs/answers.jsonl --metric bleu "
        "--num_examples 8 --output_dir imported --output_dataset_name scores --json",
    ),
    Case(
        "front door",
        f"create_training_data.py grpo {POOL} {THREE} {GIVEN} --metric bleu --num_examples 8 --output_dir front "
        "--output_dataset_name hard",
    ),
    Case("front door, sft", "create_training_data.py sft --input_data_path front/data_grpo/hard --output_dir front"),
    Case("front door, error", "create_training_data.py grpo --selection_mode hard"),
    Case("front door, unknown command", "create_training_data.py rlhf"),
    Case("no metric", f"{GRPO} {GIVEN} {OUT} x"),
    Case("no number for random", f"{GRPO} --selection_mode random {OUT} x"),
    Case("unknown metric", f"{GRPO} {GIVEN} --metric bluff {OUT} x"),
    Case("reward that cannot be imported", f"{GRPO} {GIVEN} --metric no_such_module:Class {OUT} x"),
    Case("unknown flag", f"{GRPO} --metrics bleu"),
    Case("no such pool", f"bleuberi data grpo --hf_dataset_path nowhere.jsonl {GIVEN} --metric bleu {OUT} x"),
    Case("no such reference", f"bleuberi data grpo {POOL} --ref_models fourth {GIVEN} --metric bleu {OUT} x"),
    Case(
        "row without id",
        f"bleuberi data grpo --hf_dataset_path inputs/broken/no_id.jsonl {GIVEN} --metric bleu {OUT} x",
    ),
    Case("id twice", f"bleuberi data grpo --hf_dataset_path inputs/broken/twice.jsonl {GIVEN} --metric bleu {OUT} x"),
    Case("cut JSON", f"bleuberi data grpo --hf_dataset_path inputs/broken/cut.jsonl {GIVEN} --metric bleu {OUT} x"),
    Case("empty pool", f"bleuberi data grpo --hf_dataset_path inputs/broken/empty.jsonl {GIVEN} --metric bleu {OUT} x"),
    Case("outputs of two models", f"{GRPO} --outputs inputs/outputs.jsonl --metric bleu {OUT} x"),
    Case("outputs of other rows", f"{GRPO} --outputs inputs/broken/foreign_outputs.jsonl --metric bleu {OUT} x"),
    Case("name that is a path", f"{GRPO} {GIVEN} --metric bleu {OUT} a/b"),
    Case("seed out of range", f"{GRPO} --selection_mode random --num_examples 2 --seed -1 {OUT} x"),
    Case("signal flags in another mode", f"{GRPO} {GIVEN} --metric bleu --num_samples 6 {OUT} x"),
    Case(
        "too few samples",
        f"{GRPO} --selection_mode signal --outputs inputs/outputs.csv --metric bleu --num_samples 4 {OUT} x",
    ),
    Case("canned without a file", f"{GRPO} --engine canned --model m --metric bleu {OUT} x"),
    Case("no such model folder", f"{GRPO} --model ./nowhere --metric bleu {OUT} x"),
    Case("too many references asked", f"{GRPO} --min_references 4 {GIVEN} --metric bleu {OUT} x"),
    # From here: other commands on what lies here.
    Case("sft", "bleuberi data sft --input_data_path out/data_grpo/easy --output_dir out --json"),
    Case("sft again is reused", "bleuberi data sft --input_data_path out/data_grpo/easy --output_dir out --json"),
    Case(
        "sft of scored random rows",
        "bleuberi data sft --input_data_path out/data_grpo/randomly --output_dir out --json",
    ),
    Case("sft without a data set", "bleuberi data sft --input_data_path out/data_grpo/none --output_dir out --json"),
    Case("sft of an sft data set", "bleuberi data sft --input_data_path out/data_sft/easy_SFT --output_dir out --json"),
    Case("cache ls", "bleuberi cache ls out --json"),
    Case("cache ls, text", "bleuberi cache ls out"),
    Case("cache ls, nothing", "bleuberi cache ls inputs --json"),
    Case("cache explain", f"bleuberi cache explain out {POOL} {TINY} --rows 2"),
    Case("cache explain, other settings", f"bleuberi cache explain out {POOL} {TINY} --temperature 0"),
    Case("cache explain, no such pool", f"bleuberi cache explain out --hf_dataset_path nowhere.jsonl {TINY}"),
    Case("cache prune shows", "bleuberi cache prune out --model m"),
    Case("cache prune removes", "bleuberi cache prune out --model m --yes"),
    Case("cache prune, nothing left", "bleuberi cache prune out --yes"),
    Case("report", "bleuberi report out --no_figures --output_dir page --json"),
    Case("report without texts", "bleuberi report out --no_texts --no_figures --output_dir shared --json"),
    Case("report of nothing", "bleuberi report inputs --no_figures --output_dir page2 --json"),
    Case("report of no folder", "bleuberi report nowhere --json"),
]

DATA = [
    Case("check", "bleuberi data check inputs/doubtful_pool.jsonl --json"),
    Case(
        "check, drop and hold out",
        "bleuberi data check inputs/doubtful_pool.jsonl --drop duplicate_prompt refusal no_reference --held_out 2 "
        "--output_dir checked --json",
    ),
    Case(
        "check again",
        "bleuberi data check inputs/doubtful_pool.jsonl --drop duplicate_prompt refusal no_reference --held_out 2 "
        "--output_dir checked --json",
    ),
    Case("check, other settings", "bleuberi data check inputs/doubtful_pool.jsonl --output_dir checked --json"),
    Case(
        "check with a tokenizer, test prompts and two references",
        "bleuberi data check inputs/doubtful_pool.jsonl --ref_models gold second --model inputs/model "
        "--max_completion_length 60 --against inputs/test_prompts.jsonl --drop in_test_prompts long_reference "
        "--output_dir against --seed 3 --json",
    ),
    Case(
        "check, a folder of somebody else",
        "bleuberi data check inputs/pool.jsonl --output_dir foreign",
        _foreign_folder,
    ),
    Case("check, unknown flag name", "bleuberi data check inputs/pool.jsonl --drop ugly --output_dir x"),
    Case("check, too many held out", "bleuberi data check inputs/pool.jsonl --held_out 24 --output_dir x"),
    Case("check, no place", "bleuberi data check inputs/pool.jsonl --held_out 2"),
    Case("import alpaca", "bleuberi data import inputs/layouts/alpaca.json --output alpaca.jsonl --json"),
    Case("import chats", "bleuberi data import inputs/layouts/chats.jsonl --output chats.jsonl --json"),
    Case("import sharegpt", "bleuberi data import inputs/layouts/sharegpt.jsonl --output sharegpt.jsonl --json"),
    Case("import chosen", "bleuberi data import inputs/layouts/chosen.jsonl --output chosen.jsonl --json"),
    Case(
        "import CSV with named columns",
        "bleuberi data import inputs/layouts/faq.csv --prompt Title Body --references support=Reply --id Number "
        "--output faq.jsonl --json",
    ),
    Case(
        "import two files of answers",
        "bleuberi data import inputs/layouts/named.jsonl inputs/layouts/generator.jsonl --output named.jsonl --json",
    ),
    Case(
        "import a pool, new ids",
        "bleuberi data import inputs/doubtful_pool.jsonl --new_ids --output renamed.jsonl --json",
    ),
    Case(
        "import again is reused",
        "bleuberi data import inputs/doubtful_pool.jsonl --new_ids --output renamed.jsonl --json",
    ),
    Case("import, other settings", "bleuberi data import inputs/doubtful_pool.jsonl --output renamed.jsonl --json"),
    Case(
        "import, overwrite", "bleuberi data import inputs/doubtful_pool.jsonl --output renamed.jsonl --overwrite --json"
    ),
    Case("import, unknown columns", "bleuberi data import inputs/broken/no_columns.jsonl --output x.jsonl"),
    Case("import, no such column", "bleuberi data import inputs/layouts/faq.csv --prompt Subject --output x.jsonl"),
    Case("import, no such file", "bleuberi data import nowhere.jsonl --output x.jsonl"),
    Case(
        "references of a server",
        f"bleuberi references {POOL} --model served --base_url SERVER --output served.jsonl --max_new_tokens 64 --json",
    ),
    Case(
        "references again are reused",
        f"bleuberi references {POOL} --model served --base_url SERVER --output served.jsonl --max_new_tokens 64 --json",
    ),
    Case(
        "references of a cached server under another name",
        f"bleuberi references {POOL} --model served --base_url SERVER --output echo.jsonl --max_new_tokens 64 "
        "--name echo --json",
    ),
    Case(
        "canned references", f"bleuberi references {POOL} --model m {CANNED} --output canned.jsonl --name canned --json"
    ),
    Case(
        "references of a model",
        f"bleuberi references {POOL} --model inputs/model --engine transformers --max_new_tokens 8 --temperature 0 "
        "--output tiny.jsonl --json",
    ),
    Case("references, column is there", f"bleuberi references {POOL} --model m {CANNED} --output x.jsonl --name gold"),
    Case("references, bad address", f"bleuberi references {POOL} --model m --base_url nowhere --output x.jsonl"),
    Case("references, temperature", f"bleuberi references {POOL} --model m {CANNED} --output x.jsonl --temperature -1"),
    Case("use of the new references", "bleuberi data check served.jsonl --ref_models served gold --json"),
    Case(
        "explain",
        'bleuberi explain --response "the cat sat" --reference "the cat sat down" --reference "a cat sat" --json',
    ),
    Case("explain, text", 'bleuberi explain --prompt "Say it." --response "the cat" --reference "a cat"'),
    Case("explain a row", "bleuberi explain --file inputs/explain.jsonl --id 17 --json"),
    Case("explain the first row", "bleuberi explain --file inputs/explain.jsonl --json"),
    Case("explain an empty response", 'bleuberi explain --response "" --reference "a cat" --json'),
    Case("explain, no reference", "bleuberi explain --file inputs/explain.jsonl --id e3 --json"),
    Case("explain, no row", "bleuberi explain --file inputs/explain.jsonl --id e9 --json"),
    Case("explain, nothing given", "bleuberi explain --json"),
]

PAIRS = "bleuberi agreement --preferences inputs/preferences.jsonl --resamples 200 --no_figures --json --output_dir"
SYSTEMS = (
    "bleuberi agreement --outputs inputs/systems.jsonl --pool inputs/pool.jsonl --labels inputs/labels.csv "
    "--resamples 200 --no_figures --json --output_dir"
)
HARNESSES = ("mt_bench", "arena_hard_v1", "arena_hard_v2", "wildbench", "alpaca_eval")
QUESTIONS = dict.fromkeys(HARNESSES, "jsonl") | {"alpaca_eval": "json"}
RESULTS = {
    "mt_bench": "mt_bench_single.jsonl",
    "arena_hard_v1": "arena_judgments.jsonl",
    "arena_hard_v2": "arena_v2_judgments.jsonl",
    "wildbench": "wildbench_scores.jsonl",
    "alpaca_eval": "leaderboard.csv",
}

AGREEMENT = [
    Case("pairs", f"{PAIRS} pairs"),
    Case("pairs again", f"{PAIRS} pairs"),
    Case(
        "pairs, one source, columns, mixes, other references",
        f"{PAIRS} arena --sources arena --score_columns judge --combine bleu+judge --rewards bleu "
        "--ref_models second gold --max_references 1 --confidence 0.9 --seed 4",
    ),
    Case("pairs, a reward of one's own", f"{PAIRS} vowels --rewards oracle_rewards:Vowels bleu --curve_orders 0"),
    Case(
        "chosen and rejected, references of a pool",
        "bleuberi agreement --preferences inputs/chosen_rejected.jsonl --pool inputs/pool.jsonl --score_columns rm "
        "--resamples 200 --no_figures --json --output_dir chosen",
    ),
    Case(
        "scores alone",
        "bleuberi agreement --preferences inputs/chosen_rejected.jsonl --rewards --score_columns rm --resamples 200 "
        "--no_figures --json --output_dir alone",
    ),
    Case("systems", f"{SYSTEMS} systems --label_column win_rate"),
    Case(
        "systems, an order and one left out",
        f"{SYSTEMS} elo --label_column elo --exclude_systems giant --expect_order 'tiny<small<large' --rewards rouge",
    ),
    Case(
        "systems, labels of answers",
        "bleuberi agreement --outputs inputs/systems.jsonl --pool inputs/pool.jsonl --label_column judged "
        "--resamples 200 --no_figures --json --output_dir judged",
    ),
    Case("no rewards and no columns", f"{PAIRS} x --rewards"),
    Case("no such column", f"{PAIRS} x --score_columns rm"),
    Case("no such source", f"{PAIRS} x --sources nobody"),
    Case("no label column", f"{SYSTEMS} x"),
    Case("unknown label column", f"{SYSTEMS} x --label_column size"),
    Case("both inputs", f"{PAIRS} x --outputs inputs/systems.jsonl"),
    Case("report of agreements", "bleuberi report pairs systems --no_figures --output_dir page --json"),
    *(
        Case(
            f"answers for {name}",
            f"bleuberi benchmark answers --harness {name} --questions inputs/harness/{name}.{kind} --models bleu=m "
            f"--engine canned --answers inputs/harness/answers.jsonl --output_dir {name}",
        )
        for name, kind in QUESTIONS.items()
    ),
    Case(
        "greedy answers of a model, cut short",
        "bleuberi benchmark answers --harness mt_bench --questions inputs/harness/mt_bench.jsonl "
        "--models tiny=inputs/model --engine transformers --greedy --max_new_tokens 6 --output_dir greedy",
    ),
    *(
        Case(
            f"scores of {name}",
            f"bleuberi benchmark scores --harness {name} inputs/harness/{file} --output_dir {name}_s",
        )
        for name, file in RESULTS.items()
    ),
    Case(
        "scores of games",
        "bleuberi benchmark scores --harness mt_bench inputs/harness/mt_bench_pairs.jsonl --output_dir games",
    ),
    Case(
        "unknown harness",
        "bleuberi benchmark answers --harness quiz --questions inputs/harness/mt_bench.jsonl --models a=m "
        "--output_dir x",
    ),
    Case(
        "questions of another harness",
        "bleuberi benchmark answers --harness wildbench --questions inputs/harness/mt_bench.jsonl --models a=m "
        f"{CANNED} --output_dir x",
    ),
    Case("results of another harness", "bleuberi benchmark scores --harness wildbench inputs/harness/leaderboard.csv"),
    Case("no results", "bleuberi benchmark scores --harness mt_bench nowhere.jsonl"),
]

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

COMMANDS = (
    "data import", "references", "data check", "data grpo", "data sft", "doctor", "train grpo", "train sft", "explain",
    "agreement", "evaluate", "benchmark answers", "benchmark scores", "report", "cache ls", "cache explain",
    "cache prune", "demo",
)  # fmt: skip

HELP = [
    *(Case(name, f"bleuberi {name} --help") for name in COMMANDS),
    Case("usage", "bleuberi --help"),
    Case("no words", "bleuberi"),
    Case("version", "bleuberi --version"),
    Case("unknown command", "bleuberi data make"),
    Case("half a command", "bleuberi cache"),
    Case("demo, no steps", "bleuberi demo --steps 0"),
    Case("front door", "create_training_data.py --help"),
    Case("front door, grpo", "create_training_data.py grpo --help"),
]

JOB = (
    "MODEL=inputs/model POOL=inputs/pool.jsonl NUM_GPUS=0 DATA_DIR=data CKPT_DIR=runs MAX_NEW_TOKENS=8 NUM_EXAMPLES=10 "
    "RUN_NAME=job LAUNCH=zero2"
)
JOBS = [
    Case("grpo.sh", f"grpo.sh {JOB} --max_steps 1 --lora_r 2 {RUN}"),
    Case("sft.sh", f"sft.sh {JOB} RUN_NAME=sft_job --max_steps 1 --lora_r 2"),
    Case("sft.sh, no data set", f"sft.sh {JOB} GRPO_DATA=elsewhere/job_data"),
    Case("grpo.sh, unknown launch", "grpo.sh NUM_GPUS=0 LAUNCH=zero9"),
]

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

GROUPS = {
    "help": HELP,
    "data": DATA,
    "data_grpo": DATA_GRPO,
    "agreement": AGREEMENT,
    "train": TRAIN,
    "jobs": JOBS,
    "artifacts": ARTIFACTS,
}
