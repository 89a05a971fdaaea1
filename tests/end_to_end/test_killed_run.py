"""A data run that is killed for real goes on where it stood, and ends with the bytes of one that was not."""

import signal
import subprocess
import sys
import time

import pytest

from bleuberi.cli.create_training_data import front_door
from tests.conftest import ROOT

datasets = pytest.importorskip("datasets")
pytest.importorskip("torch")


def words(tiny_model, pool, data):
    flags = ["--hf_dataset_path", str(pool), "--metric", "bleu", "--num_examples", "20", "--model", str(tiny_model)]
    return ["grpo", *flags, "--inference_max_new_tokens", "32", "--output_dir", str(data)]


def shards(data):
    return {path.name: path.read_bytes() for path in sorted((data / "inference_outputs").glob("*/[!.]*.jsonl"))}


def kill_after_first_shard(command, data):
    script = str(ROOT / "training/create_training_data.py")
    process = subprocess.Popen([sys.executable, script, *command], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not shards(data):
            assert process.poll() is None, "the command ended before it wrote a shard"
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_sigkill_between_shards(tiny_model, tmp_path, caplog):
    pool = tmp_path / "pool.jsonl"
    lines = (ROOT / "src/bleuberi/demo/pool.jsonl").read_text(encoding="utf-8").splitlines()
    pool.write_text("\n".join(lines[:200]), encoding="utf-8")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill_after_first_shard(words(tiny_model, pool, killed), killed)
    left = shards(killed)
    assert left
    assert not (killed / "data_grpo").exists()
    assert not (killed / "scored_outputs").exists()
    with caplog.at_level("INFO"):
        assert front_door(words(tiny_model, pool, killed)) == 0
    assert front_door(words(tiny_model, pool, whole)) == 0
    assert len(left) < len(shards(whole)) == 4, "the run was killed too late to show anything"
    assert f"({64 * len(left)} are cached)" in caplog.text
    assert shards(killed) == shards(whole)
    rows = [
        datasets.load_from_disk(str(next((data / "data_grpo").iterdir())))["train"].to_list()
        for data in (killed, whole)
    ]
    assert rows[0] == rows[1]
    assert not list(killed.rglob("*.partial*"))
