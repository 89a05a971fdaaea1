"""Cases of `data grpo`, and of what is done with its data sets: SFT pairs, caches and the report."""

import shutil

from tests.oracle.cases.words import CANNED, GIVEN, GRPO, OUT, POOL, THREE, TINY, Case


def _original_files(place):
    """Outputs and scores as the original tool left them, where this one looks for them."""
    for folder in ("inference_outputs", "scored_outputs"):
        (place / "imported" / folder).mkdir(parents=True)
    shutil.copy(place / "inputs/outputs.csv", place / "imported/inference_outputs/writer-1b_inference_results.csv")
    shutil.copy(
        place / "inputs/original_scores.json", place / "imported/scored_outputs/pool_bleu_elsewhere_1ref-gold.json"
    )


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
