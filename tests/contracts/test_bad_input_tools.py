"""Wrong input to the commands beside data, training and evaluation: exit code 2, two lines, nothing half-written."""

import gzip
import json
import os

import pytest

from bleuberi.cli.main import COMMANDS, find_command
from bleuberi.cli.parser import run
from tests.conftest import pool_rows

LONG = "x" * 300
CHECK = ["data check", "pool.jsonl"]
IMPORT = ["data import", "--output", "OUT/pool.jsonl"]
GENERATE = ["data generate", "--output", "OUT/pool.jsonl"]
REFERENCES = ["references", "--hf_dataset_path", "pool.jsonl", "--model", "m", "--output", "OUT/new.jsonl"]
CANNED = [*REFERENCES, "--engine", "canned", "--answers"]
PAIRS = ["agreement", "--output_dir", "OUT", "--no_figures", "--preferences"]
SYSTEMS = ["agreement", "--output_dir", "OUT", "--no_figures", "--outputs", "systems.jsonl", "--label_column", "win"]
EXPLAIN = ["cache explain", "cache", "--hf_dataset_path", "pool.jsonl", "--model", "m", "--engine"]
GRPO = ["data grpo", "--output_dir", "OUT", "--metric", "bleu", "--model", "org/m", "--outputs", "answers.jsonl"]
GRPO += ["--hf_dataset_path"]

COMPARE = ["compare", "--protocol"]

ROWS = [  # words, the first line, the second line
    (["trian", "grpo"], "Unknown command 'trian grpo'.", "bleuberi train grpo"),
    (["--verbose"], "Unknown command", "bleuberi --help"),
    (["data check"], "the following arguments are required: POOL", "--help"),
    (["data check", "none.jsonl"], "File or folder none.jsonl does not exist.", "Check the path"),
    (["data check", LONG], "Invalid path or name", "Check the spelling"),
    (["data check", "~nobody-of-that-name/pool.jsonl"], "Invalid path or name", "Check the spelling"),
    (["data check", "empty.jsonl"], "The pool empty.jsonl has no rows.", "complete"),
    (["data check", "broken.jsonl"], "broken.jsonl, line 2 is not valid JSON", "that line"),
    (["data check", "nested.jsonl"], "nested.jsonl, line 1 is not valid JSON", "that line"),
    (["data check", "latin.jsonl"], "latin.jsonl, line 1 is not valid JSON", "that line"),
    (["data check", "list.jsonl"], "list.jsonl, line 2 is not a JSON object.", "{...}"),
    (["data check", "surrogate.jsonl"], "`prompt` is not a valid text", "surrogate"),
    (["data check", "bomb.jsonl.gz"], "bomb.jsonl.gz, line 1 is longer than 32 MiB.", "one row per line"),
    (["data check", "no.parquet"], "no.parquet is not a readable Parquet file", "again"),
    (["data check", "plain.gz"], "plain.gz has an unsupported file type.", ".jsonl"),
    ([*CHECK, "--drop", "ugly", "--output_dir", "OUT"], "Unknown flag 'ugly'.", "duplicate_prompt"),
    ([*CHECK, "--held_out", "-1", "--output_dir", "OUT"], "--held_out", ""),
    ([*CHECK, "--held_out", "3"], "so they need a folder.", "--output_dir"),
    ([*CHECK, "--ref_models", "o4"], "No column ref_output_o4 in pool.jsonl.", "--ref_models gold"),
    ([*CHECK, "--against", "none.jsonl"], "File or folder none.jsonl does not exist.", "Check the path"),
    ([*CHECK, "--max_completion_length", "many"], "invalid int value: 'many'", "--help"),
    ([*CHECK, "--heldout", "3"], "unrecognized arguments: --heldout", "Did you mean --held_out?"),
    ([*CHECK, "--output_dir", "afile"], "afile", ""),
    (["compare"], "the following arguments are required: --protocol", "--help"),
    ([*COMPARE, "none.yaml"], "Protocol none.yaml does not exist.", "experiments/README.md"),
    ([*COMPARE, "broken.jsonl"], "broken.jsonl", "docs/experiments.md"),
    ([*COMPARE, "folder"], "Protocol folder does not exist.", "Check the path"),
    ([*COMPARE, "none.yaml", "--cores", "one"], "--cores one is not a list of core numbers.", "--cores 0"),
    ([*COMPARE, "none.yaml", "--plan", "400"], "--plan: expected 2 arguments", "--help"),
    ([*COMPARE, "none.yaml", "--rerun", "a", "--dry_run"], "cannot be combined.", "Give only one of them."),
    (["data"], "Unknown command 'data'.", "bleuberi data import, bleuberi data generate, bleuberi data check"),
    (["data import"], "the following arguments are required: FILE, --output", "--help"),
    ([*IMPORT, "none.json"], "File or folder none.json does not exist.", "Check the path"),
    ([*IMPORT, "none.csv"], "File or folder none.csv does not exist.", "Check the path"),
    ([*IMPORT, "broken.jsonl"], "broken.jsonl, line 2 is not valid JSON", "that line"),
    ([*IMPORT, "empty.jsonl"], "empty.jsonl has no rows.", "complete"),
    ([*IMPORT, "blank.jsonl"], "No row of blank.jsonl has a prompt (1 rows read).", "--prompt COLUMN"),
    ([*IMPORT, "unknown.jsonl"], "no known column for prompts: Title, Reply.", "--prompt COLUMN"),
    ([*IMPORT, "pool.jsonl", "--prompt", "Title"], "pool.jsonl, line 1 has no column Title.", "There are: id, "),
    ([*IMPORT, "unknown.jsonl", "--prompt", "Title", "--references", "a=Reply", "a=Reply"], "a=Reply", "NAME=COLUMN"),
    ([*IMPORT, "unknown.jsonl", "--prompt", "Title", "--references", "a="], "--references a=", "NAME=COLUMN"),
    ([*IMPORT, "wide.csv"], "wide.csv, row 1 has more cells than the file has columns.", "Put quotes"),
    ([*IMPORT, "picture.jsonl"], "picture.jsonl, line 1: `messages` has a turn without a role and a text", "{role"),
    ([*IMPORT, "nest.jsonl"], "nest.jsonl, line 1: `output` holds dict, not text", "--references"),
    ([*IMPORT, "surrogate.jsonl"], "`prompt` is not a valid text", "surrogate"),
    ([*IMPORT, "sameid.jsonl"], "The id '1' has two different prompts.", "--new_ids"),
    ([*IMPORT[:-1], "OUT/pool.json", "pool.jsonl"], "pool.json is not a .jsonl file.", "JSON lines"),
    ([*IMPORT[:-1], "pool.jsonl", "answers.jsonl"], "answers.jsonl", ""),
    (["data generate"], "the following arguments are required: --output", "--help"),
    ([*GENERATE, "--preset", "learning"], "Unknown preset 'learning'.", "learn, copy_only, length_only, nothing"),
    ([*GENERATE, "--rows", "0"], "rows must be between 1 and 1000000 (got 0).", "--rows"),
    ([*GENERATE, "--min_facts", "7"], "min_facts (7) is greater than max_facts (6).", "one of them"),
    ([*GENERATE, "--overlap", "none"], "Unknown overlap 'none'.", "verbatim, mixed, paraphrase"),
    ([*GENERATE[:-1], "OUT/pool.json"], "pool.json is not a .jsonl file.", "JSON lines"),
    ([*GENERATE[:-1], "pool.jsonl"], "pool.jsonl already exists", "--overwrite"),
    (["references"], "the following arguments are required", "--help"),
    ([*REFERENCES, "--engine", "jax"], "Unknown engine 'jax'.", "--engine"),
    ([*REFERENCES, "--engine", "canned"], "--engine canned and --answers FILE must be used together.", "Give both"),
    ([*CANNED, "none.jsonl"], "File none.jsonl does not exist.", "--answers"),
    ([*CANNED, "strangers.jsonl"], "Row r0 has no canned answer.", "--answers"),
    ([*CANNED, "broken.jsonl"], "broken.jsonl, line 1 has no `id`", "id"),
    ([*REFERENCES, "--base_url", "host:80"], "--base_url host:80 is not a web address.", "http://"),
    ([*REFERENCES, "--base_url", ""], "--base_url '' is not a web address.", "the variable is set"),
    ([*REFERENCES, "--engine", "openai", "--base_url", ""], "--base_url '' is not a web address.", "variable is set"),
    ([*REFERENCES, "--base_url", " "], "--base_url '' is not a web address.", "variable is set"),
    ([*REFERENCES, "--base_url", "http://:8000/v1"], "--base_url http://:8000/v1 is not a web address.", "is set"),
    ([*REFERENCES, "--base_url", "http://h:port/v1"], "--base_url http://h:port/v1 is not a web address.", "http://"),
    ([*REFERENCES, "--base_url", "http://h:1/v1", "--model", ""], "--model is empty.", "the variable is set"),
    ([*REFERENCES, "--base_url", "http://me:pw@host/v1"], "contains a password or a key", "--api_key_env"),
    ([*REFERENCES, "--base_url", "http://host/v1?api_key=abc"], "contains a password or a key", "--api_key_env"),
    ([*REFERENCES, "--engine", "openai", "--api_key_env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE is not set", "export"),
    ([*REFERENCES, "--engine_args", "oops"], "Invalid --engine_args 'oops'.", "NAME=VALUE"),
    (
        [*REFERENCES, "--concurrency", "0", "--base_url", "http://localhost:1/v1"],
        "Invalid --concurrency 0.",
        "from 1 to",
    ),
    ([*CANNED, "answers.jsonl", "--temperature", "-1"], "temperature", ""),
    ([*CANNED, "answers.jsonl", "--top_p", "2"], "top_p", ""),
    ([*CANNED, "answers.jsonl", "--name", "gold"], "already has a column ref_output_gold.", "--name"),
    (["explain"], "A response and a reference are needed.", "--response"),
    (["explain", "--response", "x"], "A response and a reference are needed.", "--reference"),
    (["explain", "--response", "@none.txt", "--reference", "x"], "The file none.txt could not be read", "UTF-8"),
    (["explain", "--response", "@latin.jsonl", "--reference", "x"], "latin.jsonl could not be read", "UTF-8"),
    (["explain", "--response", "@/dev/zero", "--reference", "x"], "/dev/zero is longer than 32 MiB.", "shorter"),
    (["explain", "--file", "/dev/zero"], "/dev/zero is neither a file nor a folder.", "to a file first"),
    (["explain", "--file", "digits.jsonl"], "digits.jsonl, line 1 is not valid JSON", "that line"),
    (["explain", "--file", "nested.jsonl"], "nested.jsonl, line 1 is not valid JSON", "that line"),
    (["data check", "/dev/zero"], "/dev/zero is neither a file nor a folder.", "to a file"),
    (["data check", "waiting.jsonl"], "waiting.jsonl is neither a file nor a folder.", "to a file"),
    (["data check", "looped.jsonl"], "File or folder looped.jsonl does not exist.", "Check the path"),
    (["data check", "digits.jsonl"], "digits.jsonl, line 1 is not valid JSON", "that line"),
    (["data check", "utf16.jsonl"], "utf16.jsonl is UTF-16LE text", "UTF-8"),
    (["explain", "--file", "none.jsonl"], "File or folder none.jsonl does not exist.", "the path"),
    (["explain", "--file", "broken.jsonl", "--id", "zz"], "broken.jsonl, line ", "that line"),
    (["explain", "--file", "pool.jsonl", "--id", "zz"], "No row with the id zz in pool.jsonl.", "Give the id"),
    (["explain", "--file", "pool.jsonl"], "pool.jsonl, line 1 lacks a response", "response"),
    (["explain", "--respones", "x"], "unrecognized arguments: --respones", "Did you mean --response?"),
    (["agreement"], "the following arguments are required: --output_dir", "--help"),
    (["agreement", "--output_dir", "OUT"], "There are no data to compare rewards with.", "Give --preferences"),
    ([*PAIRS, "none.jsonl"], "File or folder none.jsonl does not exist.", "Check the path"),
    ([*PAIRS, "empty.jsonl"], "empty.jsonl has no rows.", "Give a file"),
    ([*PAIRS, "pool.jsonl"], "has no columns", "response_a"),
    ([*PAIRS, "winner.jsonl"], "nobody", ""),
    ([*PAIRS, "pairs.jsonl", "--rewards"], "There are no scores to compare.", "--rewards"),
    ([*PAIRS, "pairs.jsonl", "--rewards", "blue"], "Unknown reward or metric 'blue'.", "Available: bleu"),
    ([*PAIRS, "pairs.jsonl", "--confidence", "95"], "must be between 0 and 1", "--help"),
    ([*PAIRS, "pairs.jsonl", "--resamples", "0"], "must be at least 1", "--help"),
    (
        [*PAIRS, "pairs.jsonl", "--sources", "elsewhere"],
        "None of 4 rows can be used",
        "Available sources: here",
    ),
    ([*PAIRS, "pairs.jsonl", "--score_columns", "rm"], "rm", ""),
    ([*SYSTEMS[:-2]], "--outputs needs --label_column.", "--labels"),
    ([*SYSTEMS], "models remain to rank", "Give 3 or more"),
    ([*SYSTEMS, "--labels", "none.csv"], "none.csv", ""),
    (["cache ls", "folder"], "folder has no cached responses.", "--output_dir"),
    (["cache ls", "none"], "none has no cached responses.", "--output_dir"),
    (["cache prune", "folder"], "folder has no cached responses.", "--output_dir"),
    (["cache prune", "folder", "--older_than_days", "old"], "invalid float value: 'old'", "--help"),
    ([*EXPLAIN, "canned", "--answers", "answers.jsonl"], "cache has no cached responses.", "--output_dir"),
    (["cache explain", "cache"], "the following arguments are required", "--help"),
    (["card", "folder"], "Nothing to do.", "Add --evaluation FOLDER"),
    (["card", "folder", "--evaluation", "x"], "folder is not a finished model with a card.", "--output_dir"),
    (["report"], "the following arguments are required: PATH", "--help"),
    (["report", "none"], "none does not exist.", "Give folders"),
    (["report", "folder"], "Nothing to report in folder", "--output_dir"),
    (["data export"], "the following arguments are required: SOURCE, --to, --output", "--help"),
    (["data export", "pool.jsonl", "--to", "verl", "--output", "x.csv"], "x.csv", "endings"),
    (["data bestof"], "the following arguments are required: --input_data_path", "--help"),
    (["data bestof", "--input_data_path", "pool.jsonl"], "does not say which samples", "--outputs FILE"),
    (
        ["data bestof", "--input_data_path", "pool.jsonl", "--outputs", "none.jsonl"],
        "File none.jsonl does not exist.",
        "--outputs",
    ),
    (["data pairs", "--input_data_path", "pool.jsonl", "--min_margin", "-1"], "--min_margin is -1.0", "0 or more"),
    (
        ["data pairs", "--input_data_path", "pool.jsonl", "--outputs", "strangers.jsonl", "--metric", "bleu"],
        "No row of strangers.jsonl has an id",
        "to prompts of this pool",
    ),
    (["headroom", "--input_data_path", "empty.jsonl", "--metric", "bleu"], "has no rows", ""),
    (["headroom", "--input_data_path", "pool.jsonl", "--outputs", "answers.jsonl"], "nothing to choose from", "Give"),
    (["headroom", "--input_data_path", "pool.jsonl", "--model", "M"], "No reward is given.", "--metric"),
    (["benchmark answers"], "the following arguments are required: --harness", "--help"),
    (["benchmark scores", "--harness", "x"], "the following arguments are required: FILE", "--help"),
    (["demo", "--steps", "0"], "--steps must be at least 1", "--help"),
    (["demo", "--steps", "many"], "invalid int value: 'many'", "--help"),
    (["demo", "--setps", "3"], "unrecognized arguments: --setps", "Did you mean --steps?"),
    ([*GRPO, LONG], "Invalid path or name", "Check the spelling"),
    ([*GRPO, "bomb.jsonl.gz"], "longer than 32 MiB", "one row per line"),
    ([*GRPO, "pool.jsonl", "--metric", "rm:"], "The reward 'rm:' has no model after the colon.", "the variable is set"),
    (
        [*GRPO, "pool.jsonl", "--metric", "rm: "],
        "The reward 'rm: ' has no model after the colon.",
        "the variable is set",
    ),
    ([*GRPO, "pool.jsonl", "--metric", "rm:http://"], "URL http:// is not a web address.", "the variable is set"),
    ([*GRPO, "pool.jsonl", "--metric", "rm:http://:80/classify"], "URL http://:80/classify is not a web address.", ""),
    ([*GRPO, "pool.jsonl", "--metric", "answer:rm:http:///x"], "URL http:///x is not a web address.", "http://HOST"),
    ([*GRPO, "pool.jsonl", "--outputs", LONG], "File name too long", "Check the path"),
    ([*GRPO, "pool.jsonl", "--outputs", "noid.jsonl"], "line 1 lacks `id` and `prompt`", "its `prompt`"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with good and bad files of every kind."""
    folder = tmp_path_factory.mktemp("place")

    def lines(name, *rows):
        (folder / name).write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))

    rows = pool_rows(6)
    lines("pool.jsonl", *rows)
    lines("answers.jsonl", *({"id": row["id"], "response": row["prompt"], "model": "org/m"} for row in rows))
    systems = [{"model": m, "prompt_id": p, "output": m * 3, "ref_output_gold": "G"} for m in "ab" for p in "12"]
    lines("systems.jsonl", *({**row, "win": 1.0} for row in systems))
    lines("strangers.jsonl", {"id": "nobody", "response": "x"})
    lines("noid.jsonl", {"id": None, "response": "x", "model": "org/m"})
    lines("empty.jsonl")
    lines("broken.jsonl", rows[0], '{"id": \n')
    lines("nested.jsonl", '{"id": ' + "[" * 100_000 + "\n")
    lines("digits.jsonl", '{"id": ' + "9" * 5_000 + "}\n")
    (folder / "utf16.jsonl").write_bytes('{"id": "a"}'.encode("utf-16-le"))
    os.mkfifo(folder / "waiting.jsonl")
    (folder / "looped.jsonl").symlink_to("looped.jsonl")
    lines("list.jsonl", rows[0], "[1, 2]\n")
    lines("surrogate.jsonl", {"id": "a", "prompt": "\ud800", "ref_output_gold": "G"})
    pair = {"prompt": "P", "response_a": "one", "response_b": "two", "ref_output_gold": "one more", "source": "here"}
    lines("pairs.jsonl", *({**pair, "prompt": f"P{n}", "winner": "ab"[n % 2]} for n in range(4)))
    lines("winner.jsonl", {**pair, "winner": "nobody"})
    lines("blank.jsonl", {"instruction": " ", "output": "A"})
    lines("unknown.jsonl", {"Title": "T", "Reply": "R"})
    lines("picture.jsonl", {"messages": [{"role": "user", "content": [{"type": "image", "url": "u"}]}]})
    lines("nest.jsonl", {"instruction": "P", "output": {"words": "A"}})
    lines("sameid.jsonl", *({"id": 1, "instruction": word, "output": "A"} for word in "PQ"))
    (folder / "wide.csv").write_text("question,answer\nWhy, me?,So.\n")
    (folder / "latin.jsonl").write_bytes('{"id": "é"}\n'.encode("latin-1"))
    (folder / "bomb.jsonl.gz").write_bytes(gzip.compress(b'{"id": "' + b"x" * (40 << 20), 1))
    (folder / "no.parquet").write_bytes(b"PAR1")
    (folder / "plain.gz").write_bytes(gzip.compress(b"{}"))
    (folder / "afile").write_text("a file")
    (folder / "folder").mkdir()
    (folder / "cache").mkdir()
    return folder


def dispatch(words):
    command, rest = find_command(words)
    return command(rest)


@pytest.mark.parametrize(("words", "what", "cure"), ROWS, ids=[" ".join(words)[-50:] for words, _, _ in ROWS])
def test_bad_input(words, what, cure, place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(place)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    before = sorted(place.rglob("*"))
    words = [*words[0].split(), *(word.replace("OUT", str(tmp_path / "out")) for word in words[1:])]
    assert run(dispatch, words) == 2
    said = capsys.readouterr().err.splitlines()
    told = [line for line in said if not line.startswith(("Pool ", "Engine: ", "Answers ", "answers ", "Generating "))]
    told = told[-2:] if words[0] == "agreement" else told  # its progress goes the same way
    assert len(told) == 2, said
    assert told[0].startswith("Error: ")
    assert what in told[0]
    assert cure in told[1]
    assert told[1].strip()
    assert not [
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.name not in (".lock", "cache.json")
    ]
    assert sorted(place.rglob("*")) == before


def test_every_command_has_a_row():
    from tests.contracts.test_bad_config import DPO
    from tests.contracts.test_bad_input import CPU_GRPO, CPU_SFT, DATA, EVALUATION

    named = {row[0][0] for row in ROWS} | {f"data {row[0][0]}" for row in DATA if row[0]}
    named |= {f"train {CPU_GRPO[0]}", f"train {CPU_SFT[0]}"} | ({"evaluate"} if EVALUATION else set())
    named |= {"train dpo"} if DPO else set()
    # doctor prints its findings as a table, errors among them: tests/unit/doctor/test_preflight.py.
    assert named >= set(COMMANDS) - {"doctor"}
