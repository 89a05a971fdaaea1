"""A command reads its pool once and builds each reward once."""

import json
from collections import Counter

import pytest

from bleuberi.cli import evaluate
from bleuberi.cli.create_training_data import front_door, grpo_parser
from bleuberi.comparison.arms import MODES as OF_EXPERIMENTS
from bleuberi.rewards import Bleu
from bleuberi.selection.modes import MODES

COUNTED = Counter()


class Counting(Bleu):
    """BLEU that counts how often it is built."""

    def __init__(self):
        COUNTED["reward"] += 1
        super().__init__()


@pytest.fixture
def counted(monkeypatch):
    """Readings of pools, by name, and builds of `Counting`."""
    COUNTED.clear()
    import bleuberi.data.pool

    read = bleuberi.data.pool.read_rows

    def count(source, *others, **more):
        COUNTED[str(source)] += 1
        return read(source, *others, **more)

    monkeypatch.setattr("bleuberi.data.pool.read_rows", count)
    return COUNTED


@pytest.fixture
def files(tmp_path):
    pool, outputs = tmp_path / "pool.jsonl", tmp_path / "outputs.jsonl"
    rows = [{"id": f"r{n}", "prompt": f"Say {n}.", "ref_output_gold": f"It is {n}.", "x_facts": {"name": f"{n}"}}
            for n in range(6)]  # fmt: skip
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [{"id": f"r{n}", "response": f"It was {n} {'x ' * place}", "model": "m"}
             for n in range(6) for place in range(4)]  # fmt: skip
    outputs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(pool), str(outputs)


@pytest.mark.parametrize("mode", MODES)
def test_data_grpo(files, tmp_path, counted, mode):
    pool, outputs = files
    words = ["grpo", "--hf_dataset_path", pool, "--outputs", outputs, "--metric", f"{__name__}:Counting"]
    words += ["--output_dir", str(tmp_path / "data"), "--selection_mode", mode, "--num_examples", "3"]
    assert front_door(words) == 0
    assert counted == {pool: 1, "reward": 1}


def test_evaluate(files, tmp_path, counted):
    pool, outputs = files
    words = ["--models", f"a={outputs}", "--prompts", pool, "--metrics", f"{__name__}:Counting", "facts"]
    assert evaluate.main([*words, "--output_dir", str(tmp_path / "out")]) == 0
    assert counted == {pool: 1, "reward": 1}
    scored = json.loads((tmp_path / "out/evaluation.json").read_text())["models"][0]["mean"]
    assert scored["facts"]["value"] == 1.0


def test_every_mode_is_a_choice_of_the_command_and_of_experiments():
    action = next(one for one in grpo_parser("grpo")._actions if one.dest == "selection_mode")
    assert set(action.choices) == set(MODES)
    assert OF_EXPERIMENTS is MODES
