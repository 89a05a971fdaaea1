"""Cases of `agreement` and of other harnesses' files."""

from tests.oracle.cases.words import CANNED, Case

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
