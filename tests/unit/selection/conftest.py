"""The command that makes GRPO data on a pool of 12 rows, and a look at what it made."""

import json

import pytest

from bleuberi.cli.create_training_data import front_door
from tests.conftest import pool_rows

OUTPUTS = {f"r{number}": f"It is {number} of {number % 3}." for number in range(12)}


@pytest.fixture
def grpo(tmp_path, write_pool):
    """The command on a pool of 12 rows with outputs made elsewhere; gives the folder of the data set it names."""
    pool = write_pool([{**row, "ref_output_o4-mini-2025-04-16": f"Say {row['id']}."} for row in pool_rows(12)])
    outputs = tmp_path / "outs.jsonl"
    outputs.write_text("".join(json.dumps({"id": key, "output": text}) + "\n" for key, text in OUTPUTS.items()))

    def run(*words, scored=True):
        before = made_in(tmp_path / "data")
        flags = ["--hf_dataset_path", str(pool), "--output_dir", str(tmp_path / "data")]
        if scored:
            flags += ["--outputs", str(outputs), "--metric", "bleu", "--model", "org/some-model"]
        assert front_door(["grpo", *flags, *words]) == 0
        new = made_in(tmp_path / "data") - before
        return new.pop() if new else None

    run.data, run.pool, run.outputs = tmp_path / "data", pool, outputs
    return run


def made_in(data):
    return set((data / "data_grpo").iterdir()) if (data / "data_grpo").is_dir() else set()


def rows(folder):
    import datasets

    return datasets.load_from_disk(str(folder))["train"].to_list()


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())
