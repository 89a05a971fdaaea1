"""A job that has no data set yet: lengths of texts come from its pool, as warnings."""

import json

import pytest

from bleuberi.cli.doctor import main
from bleuberi.errors import UserError
from tests.unit.doctor.conftest import finding

pytest.importorskip("trl")

SMALL = {
    "grpo_cpu": ["--max_prompt_tokens", "64", "--max_completion_length", "16", "--max_steps", "-1"],
    "sft_cpu": ["--max_length", "64"],
}


@pytest.fixture
def pool(tmp_path):
    def write(words):
        rows = [{"id": str(n), "prompt": f"Say {n}.", "ref_output_gold": "word " * words} for n in range(40)]
        (tmp_path / "pool.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / "pool.jsonl")

    return write


@pytest.mark.parametrize(("config", "topic"), [("grpo_cpu", "references"), ("sft_cpu", "pairs")])
def test_long_references_are_reported_before_the_data_set_is_made(config, topic, doctor, pool, tmp_path):
    def check(words):
        planned = ["--planned_rows", "64", "--pool", pool(words)]
        return doctor(config, tmp_path / "missing", *SMALL[config], *planned, expected=0)

    assert finding(check(2), topic)["verdict"] == "ok"
    told = check(400)
    assert "first 40 rows" in finding(told, "pool")["text"]
    assert finding(told, topic)["verdict"] == "warning"
    assert "Raise --max_" in finding(told, topic)["cure"]


def test_texts_beyond_the_models_positions_are_reported(doctor, pool, tmp_path):
    words = ["--max_prompt_tokens", "64", "--max_completion_length", "3000", "--max_steps", "-1"]
    told = doctor("grpo_cpu", tmp_path / "missing", *words, "--planned_rows", "64", "--pool", pool(2), expected=0)
    assert "the model has 512 positions" in finding(told, "positions")["text"]


def test_a_pool_that_cannot_be_read_stops_no_job(doctor, pool, tmp_path):
    planned = ["--planned_rows", "64", "--pool"]
    told = doctor("grpo_cpu", tmp_path / "missing", *SMALL["grpo_cpu"], *planned, "missing.jsonl", expected=0)
    assert finding(told, "pool") == {
        "topic": "pool",
        "verdict": "warning",
        "text": "File or folder missing.jsonl does not exist.",
        "cure": "Check the path: a file, a data set folder, or a hub id owner/name.",
    }
    other = [*planned, pool(2), "--ref_models", "claude"]
    told = doctor("grpo_cpu", tmp_path / "missing", *SMALL["grpo_cpu"], *other, expected=0)
    assert "No column ref_output_claude" in finding(told, "pool")["text"]


def test_a_pool_is_for_planned_rows(pool):
    with pytest.raises(UserError, match="--pool needs --planned_rows"):
        main(["--config", "grpo_cpu", "--pool", pool(2)])
