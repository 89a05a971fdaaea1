"""The command on the tiny model, data sets for it, and a look at its findings."""

import json

import pytest

from bleuberi.cli.doctor import main
from bleuberi.columns import REFERENCES

REFERENCE = "A short answer in plain words."


def dpo_rows(count=16):
    return [
        {"id": row["id"], "prompt": row["messages"][:1], "chosen": row["messages"][1:],
         "rejected": [{"role": "assistant", "content": "No."}]}
        for row in grpo_rows(count)
    ]  # fmt: skip


def grpo_rows(count=16, references=(REFERENCE,)):
    return [
        {
            "id": f"r{number}", "source": "s", "prompt": f"Say {number}.", "ground_truth": REFERENCE,
            "messages": [{"role": "user", "content": f"Say {number}."}, {"role": "assistant", "content": REFERENCE}],
            REFERENCES: list(references),
        }
        for number in range(count)
    ]  # fmt: skip


def sft_rows(count=16):
    return [{"id": row["id"], "source": "s", "messages": row["messages"]} for row in grpo_rows(count)]


@pytest.fixture
def save(tmp_path):
    from datasets import Dataset, DatasetDict, Features, List, Value

    def make(rows, name="data"):
        kinds = {key: Value("string") for key in rows[0]}
        kinds |= {
            key: List({"role": Value("string"), "content": Value("string")})
            for key, value in rows[0].items()
            if isinstance(value, list)
        }
        if REFERENCES in rows[0]:
            kinds[REFERENCES] = List(Value("string"))
        DatasetDict({"train": Dataset.from_list(rows, features=Features(kinds))}).save_to_disk(str(tmp_path / name))
        return tmp_path / name

    return make


@pytest.fixture
def doctor(tiny_model, tmp_path, capsys):
    """Run the command on the tiny model; gives exit code and the JSON report."""

    def run(config, data, *words, model=tiny_model, expected=None):
        argv = ["--config", config, "--dataset_path", str(data), "--model_name_or_path", str(model), *words]
        code = main([*argv, "--output_dir", str(tmp_path / "out"), "--json"])
        told = json.loads(capsys.readouterr().out)
        assert code == (2 if told["problems"] else 0)
        if expected is not None:
            assert code == expected, told
        return told

    return run


def finding(told, topic):
    found = [entry for entry in told["findings"] if entry["topic"] == topic]
    assert found, [entry["topic"] for entry in told["findings"]]
    return found[0]
