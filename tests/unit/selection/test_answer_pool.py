"""Outputs come from a legacy CSV, from the cache, and only then from the model."""

import csv
import json

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.errors import UserError
from bleuberi.generation.base import Sampling
from bleuberi.records import Example, Message
from bleuberi.selection.samples import samples_from_file
from tests.conftest import pool_rows

pytest.importorskip("torch")
datasets = pytest.importorskip("datasets")


@pytest.fixture
def command(tiny_model, tmp_path, write_pool):
    long = {"id": "long", "prompt": "word " * 700, "ref_output_gold": "No."}
    pool = write_pool([*pool_rows(9), long])
    words = ["grpo", "--hf_dataset_path", str(pool), "--metric", "bleu", "--model", str(tiny_model)]
    return [*words, "--inference_max_new_tokens", "6", "--output_dir", str(tmp_path / "data")]


def scores(data):
    (path,) = (path for path in (data / "scored_outputs").glob("*.json") if "manifest" not in path.name)
    return {row["id"]: row["response"] for row in json.loads(path.read_text())}


def test_a_second_run_loads_no_model_and_a_long_prompt_is_counted(command, tmp_path, monkeypatch, caplog):
    with caplog.at_level("INFO"):
        assert front_door(command) == 0
    assert "kept 9 of 10 (1 prompts too long for the model)" in caplog.text
    before = scores(tmp_path / "data")
    (made,) = (tmp_path / "data/data_grpo").iterdir()
    found = json.loads((made / "manifest.json").read_text())
    assert found["outputs"]["sampling_signature"] == "temp:0.7|top_p:0.9|top_k:0|max:6|seed:42"
    assert found["outputs"]["model"]["revision"].startswith("files:")

    import transformers

    def refuse(*_, **__):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    with caplog.at_level("INFO"):
        assert front_door([*command, "--num_examples", "3"]) == 0
    assert "All 10 responses come from the cache" in caplog.text
    assert "All 9 scores come from" in caplog.text
    assert scores(tmp_path / "data") == before


@pytest.fixture
def partial_csv(tiny_model, tmp_path):
    """The original's file of responses, with those to three of ten rows."""
    path = tmp_path / f"data/inference_outputs/{tiny_model.name}_inference_results.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["id", "response"], ["r0", "None"], ["r1", "N/A"], ["r2", "It is 2."]])
    return path


def test_rows_that_the_original_tools_csv_lacks_are_dropped_as_there(command, partial_csv, tmp_path, caplog):
    with caplog.at_level("INFO"):
        assert front_door(command) == 0
    assert f"{partial_csv} has no response to 7 of 10 rows: they are dropped" in caplog.text
    assert f"kept 3 of 10 (7 without a response in {partial_csv.name})" in caplog.text
    assert scores(tmp_path / "data") == {"r0": "None", "r1": "N/A", "r2": "It is 2."}
    assert [path.name for path in partial_csv.parent.iterdir()] == [partial_csv.name], "nothing was generated"


def test_the_rest_of_the_original_tools_csv_is_generated_if_asked_for(command, partial_csv, tmp_path, caplog):
    front_door(command)
    with caplog.at_level("INFO"):
        assert front_door([*command, "--generate_missing", "--overwrite"]) == 0
    assert "has no response to 7 of 10 rows: " in caplog.text
    assert "Generating 7 of 7 responses" in caplog.text
    made = scores(tmp_path / "data")
    assert (made["r0"], made["r1"], made["r2"]) == ("None", "N/A", "It is 2.")
    assert len(made) == 9


def test_missing_responses_are_said_before_a_model_is_looked_for(command, partial_csv, tmp_path, caplog):
    partial_csv.rename(partial_csv.with_name("nobody_inference_results.csv"))
    command[command.index("--model") + 1] = "some-owner/nobody"  # not at hand: the hub's library would try for long
    with caplog.at_level("INFO"), pytest.raises(UserError, match="some-owner/nobody"):
        front_door([*command, "--generate_missing"])
    assert "has no response to 7 of 10 rows: some-owner/nobody generates them now" in caplog.text
    assert front_door(command) == 0


def test_no_prompt_fits_the_model(command, tmp_path):
    with pytest.raises(UserError) as caught:
        front_door([*command, "--inference_max_new_tokens", "600"])
    assert caught.value.what == "No example remains: kept 0 of 10 (10 prompts too long for the model)."
    assert "smaller --inference_max_new_tokens" in caught.value.cure
    assert not (tmp_path / "data/data_grpo").exists()


@pytest.mark.parametrize(
    ("told", "warned"),
    [("{'temperature': 0.9}", False), ("[0.9]", False), ('{"temperature": 0.5}', True), ("temp:0.9", False)],
)
def test_samples_may_tell_their_settings_in_any_words(tmp_path, caplog, told, warned):
    path = tmp_path / "samples.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["id", "response", "sampling"], *[["a", f"text {n}", told] for n in range(4)]])
    row = Example("a", "s", [Message(role="user", content="q")], "q", "gold", ["gold"])
    samples = samples_from_file([row], path, None, Sampling(temperature=0.9), 4)
    assert len(samples.rows[0]) == 4
    assert ("drawn with different settings than training will use" in caplog.text) is warned
