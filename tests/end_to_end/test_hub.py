"""Pools and models that are named as on the hub come from a hub: the commands as users type them, a server of ours."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT, pool_rows
from tests.hub_server import commit, local_hub

datasets = pytest.importorskip("datasets")
pytest.importorskip("transformers")

POOL, MODEL = "yapeichang/BLEUBERI-Tulu3-50k", "Qwen/Qwen2.5-7B"


@pytest.fixture(scope="module")
def hub(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    for name in ("pool/data", "many/main", "many/other", "tldr/data", "prefs/data"):
        (folder / name).mkdir(parents=True)
    datasets.Dataset.from_list(pool_rows(24)).to_parquet(str(folder / "pool/data/train-00000-of-00001.parquet"))
    for name, rows in (("main", [{"question": "Q", "answer": "A"}]), ("other", [{"question": "R", "answer": "B"}])):
        datasets.Dataset.from_list(rows).to_parquet(str(folder / f"many/{name}/train.parquet"))
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/train.parquet\n" for name in ("main", "other"))
    (folder / "many/README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    for file in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        tldr = datasets.Dataset.from_list([{"prompt": f"Post {n}. {file}", "completion": f"Short {n}.", "bytes": b"x"}
                                           for n in range(100)])  # fmt: skip
        tldr.to_parquet(str(folder / f"tldr/data/{file}.parquet"))
    both = [{role: [{"role": "user", "content": f"Q{n}"}, {"role": "assistant", "content": f"{role} {n}"}]
             for role in ("chosen", "rejected")} for n in range(40)]  # fmt: skip
    (folder / "prefs/data/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in both))
    repositories = {
        ("datasets", "trl-lib/tldr"): folder / "tldr",
        ("datasets", "trl-lib/prefs"): folder / "prefs",
        ("datasets", POOL): folder / "pool",
        ("datasets", "org/many"): folder / "many",
        ("models", MODEL): tiny_model,
    }
    with local_hub(folder / "cache", repositories) as served:
        yield served


def run(words, environment, folder, **more):
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env={**environment, **more}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_first_command_of_the_method(hub, tiny_model, tmp_path):
    environment, _ = hub
    words = [
        str(ROOT / "training/create_training_data.py"), "grpo", "--ref_models", "gold", "--selection_mode", "hard",
        "--num_examples", "6", "--metric", "bleu", "--model", MODEL, "--inference_max_new_tokens", "4",
        "--output_dir", "data", "--output_dataset_name", "mine",
    ]  # fmt: skip
    done = run(words, environment, tmp_path)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "data/data_grpo/mine/manifest.json").read_text())
    assert (made["rows_in"], made["rows_out"]) == (24, 6)
    caches = [json.loads(path.read_text()) for path in tmp_path.glob("data/inference_outputs/*/cache.json")]
    assert [cache["model"]["revision"] for cache in caches] == [f"commit:{commit(tiny_model)}"]


def test_a_pool_of_the_hub_is_there_without_network_once_it_was_read(hub, tmp_path):
    environment, server = hub
    words = ["-m", "bleuberi.cli.main", "data", "check", POOL, "--json"]
    first = run(words, environment, tmp_path)
    assert first.returncode == 0, first.stderr
    asked = len(server.asked)
    again = run(words, environment, tmp_path, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert len(server.asked) == asked


@pytest.mark.parametrize("words", [["data", "check", "nobody/nothing"], ["data", "check", "yapeichang/other"]])
def test_what_the_hub_does_not_have(hub, tmp_path, words):
    done = run(["-m", "bleuberi.cli.main", *words], hub[0], tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert "neither a local file nor could it be loaded from the Hugging Face hub" in done.stderr


def test_a_subset_of_a_data_set_becomes_a_pool(hub, tmp_path):
    command = ["-m", "bleuberi.cli.main", "data", "import", "org/many", "--output", "pool.jsonl"]
    done = run(command, hub[0], tmp_path)
    assert done.returncode == 2
    assert "org/many has several subsets" in done.stderr
    assert "['main', 'other']" in done.stderr
    assert "--subset NAME" in done.stderr
    done = run([*command, "--subset", "other"], hub[0], tmp_path)
    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "pool.jsonl").read_text())
    assert (row["prompt"], row["ref_output_gold"]) == ("R", "B")


def import_words(name, *more):
    return ["-m", "bleuberi.cli.main", "data", "import", name, "--output", "pool.jsonl", *more]


@pytest.mark.slow
def test_the_first_rows_of_a_large_set_are_streamed(hub, tmp_path):
    environment, server = hub
    asked = len(server.asked)
    done = run(import_words("trl-lib/tldr", "--limit", "50"), environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "at most the first 50 rows are read" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "pool.jsonl").read_text().splitlines()]
    assert [row["ref_output_gold"] for row in rows] == [f"Short {number}." for number in range(50)]
    assert rows[3]["prompt"] == "Post 3. train-00000-of-00002"
    assert "images, audio or other bytes are ignored: bytes" in done.stderr
    read = [path for path in server.asked[asked:] if "/resolve/" in path and path.endswith(".parquet")]
    assert read
    assert all("train-00000" in path for path in read), "the second file is not needed"
    assert json.loads((tmp_path / "pool.manifest.json").read_text())["config"]["limit"] == 50
    other = run(import_words("trl-lib/tldr"), environment, tmp_path)
    assert other.returncode == 2
    assert "limit: existing 50, requested None" in other.stderr
    check = run(["-m", "bleuberi.cli.main", "data", "check", "pool.jsonl", "--json"], environment, tmp_path)
    assert check.returncode == 0, check.stderr


@pytest.mark.slow
def test_a_split_and_a_preference_set(hub, tmp_path):
    environment, _ = hub
    done = run(import_words("trl-lib/tldr", "--split", "validation", "--limit", "5"), environment, tmp_path)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "pool.jsonl").read_text().splitlines()) == 5
    missing = run(import_words("trl-lib/tldr", "--split", "dev", "--limit", "5", "--overwrite"), environment, tmp_path)
    assert missing.returncode == 2
    assert "has no split dev, only: train, validation" in missing.stderr
    done = run(import_words("trl-lib/prefs", "--limit", "3", "--overwrite"), environment, tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "pool.jsonl").read_text().splitlines()]
    assert [(row["prompt"], row["ref_output_gold"]) for row in rows] == [(f"Q{n}", f"chosen {n}") for n in range(3)]


@pytest.mark.slow
def test_a_limit_without_a_network_reads_the_cache(hub, tmp_path):
    environment, server = hub
    first = run(import_words(POOL), environment, tmp_path)
    assert first.returncode == 0, first.stderr
    asked = len(server.asked)
    again = run(import_words(POOL, "--limit", "4", "--overwrite"), environment, tmp_path, HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert len((tmp_path / "pool.jsonl").read_text().splitlines()) == 4
    assert len(server.asked) == asked
