"""Output whose reader goes away: no traceback, the work goes on, and the exit code is that of the work."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CHECK = ["data", "check", "pool.jsonl"]
EXPLAIN = ["explain", "--response", "the cat sat", "--reference", "the cat sat down"]
CANNED = ["--engine", "canned", "--answers", "answers.jsonl", "--model", "m"]
GRPO = ["data", "grpo", "--hf_dataset_path", "pool.jsonl", "--metric", "bleu", *CANNED, "--output_dir", "out"]
EVALUATE = ["evaluate", "--models", "a=m", "--engine", "canned", "--answers", "answers.jsonl"]
EVALUATE += ["--prompts", "pool.jsonl", "--output_dir", "evaluation"]
PRINTING = [
    [], ["--help"], ["--version"], ["data", "grpo", "--help"], ["train", "grpo", "--help"], CHECK, [*CHECK, "--json"],
    EXPLAIN, [*EXPLAIN, "--json"], ["cache", "ls", "cached"], ["cache", "prune", "cached"],
]  # fmt: skip


def called(words, folder, redirect="", unbuffered=False):
    """The command in a shell, its streams as `redirect` says; exit code of the command itself."""
    option = "-u " if unbuffered else ""
    script = f'{{ "{sys.executable}" {option}-m bleuberi.cli.main "$@"; echo $? >code; }} {redirect}'
    kept = {**os.environ, "PYTHONPATH": f"{ROOT}/src", "PYTHONWARNINGS": "default::ResourceWarning"}
    done = subprocess.run(
        ["sh", "-c", script, "sh", *words], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    return int((folder / "code").read_text()), done


@pytest.fixture
def place(pool_file):
    """A folder with a pool and answers to it."""
    rows = [json.loads(line) for line in pool_file.read_text(encoding="utf-8").splitlines()]
    answers = [json.dumps({"id": row["id"], "response": row["ref_output_second"]}) for row in rows]
    (pool_file.parent / "answers.jsonl").write_text("\n".join(answers))
    from bleuberi.artifacts import write_json, write_shard

    cache = pool_file.parent / "cached/inference_outputs/m_0"
    cache.mkdir(parents=True)
    write_json(cache / "cache.json", {})
    write_shard(cache / "a.jsonl", [{"key": "k", "text": "t"}])
    return pool_file.parent


@pytest.mark.parametrize("words", PRINTING, ids=" ".join)
def test_nobody_reads_what_is_printed(words, place):
    code, done = called(words, place, "| sleep 0")
    assert code == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.parametrize(
    ("redirect", "unbuffered"), [pytest.param("2>&1 | sleep 0", False, marks=pytest.mark.slow), ("<&- >&- 2>&-", True)]
)
def test_data_are_made_whole_without_a_reader(place, redirect, unbuffered):
    code, done = called([*GRPO, "--num_examples", "5", "--output_dataset_name", "made"], place, redirect, unbuffered)
    assert (code, done.stdout, done.stderr) == (0, "", "")
    manifest = json.loads((place / "out/data_grpo/made/manifest.json").read_text())
    assert manifest["rows_out"] == 5
    assert not list(place.rglob("*.partial*"))


def test_an_evaluation_is_made_whole_without_a_reader(place):
    code, done = called(EVALUATE, place, "2>&1 | head -c 1")
    assert (code, done.stderr) == (0, "")
    assert json.loads((place / "evaluation/evaluation.json").read_text())["prompts"] == 24


@pytest.mark.slow
def test_a_training_goes_on_without_a_reader(place, tiny_model):
    pytest.importorskip("trl")
    from datasets import Dataset, DatasetDict

    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    rows = [{"id": f"r{number}", "source": "s", "messages": turns} for number in range(8)]
    DatasetDict({"train": Dataset.from_list(rows)}).save_to_disk(str(place / "pairs"))
    words = ["train", "sft", "--config", "sft_cpu", "--dataset_path", "pairs", "--model_name_or_path", str(tiny_model)]
    words += ["--output_dir", "run", "--max_steps", "3", "--logging_steps", "1"]
    code, done = called(words, place, "2>&1 | head -c 1")
    assert (code, done.stderr) == (0, "")
    assert (place / "run/manifest.json").is_file()
    assert len((place / "run/metrics.jsonl").read_text().splitlines()) == 4  # three steps, and the run as a whole


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_result_that_cannot_be_written_is_told(place):
    code, done = called([*GRPO, "--num_examples", "5"], place, ">/dev/full")
    assert code == 2
    assert done.stderr.splitlines()[-2].startswith("Error: The output could not be printed: No space left")
    assert list(place.glob("out/data_grpo/*/manifest.json"))
