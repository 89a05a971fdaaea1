"""Cases of pools: `data check`, `data import`, `references` and `explain`."""

from tests.oracle.cases.words import CANNED, POOL, Case


def _foreign_folder(place):
    (place / "foreign").mkdir()
    (place / "foreign/file.txt").write_text("not ours")


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
