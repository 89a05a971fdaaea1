"""GRPO data made again: data sets, scores and files that are there are reused, imported, refused or replaced."""

import json

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.errors import UserError
from tests.unit.selection.conftest import made_in, manifest, rows

pytest.importorskip("datasets")


@pytest.mark.slow
def test_shuffled_references_are_another_data_set_of_the_same_rows(grpo):
    words = ["--num_examples", "5", "--selection_mode", "random"]
    own, placebo = grpo(*words), grpo(*words, "--shuffle_references", "7")
    assert placebo.name == f"{own.name}_shuffled7"
    assert manifest(placebo)["config"] == {**manifest(own)["config"], "shuffle_references": 7}
    assert manifest(placebo)["files_sha256"] != manifest(own)["files_sha256"]
    assert [row["id"] for row in rows(placebo)] == [row["id"] for row in rows(own)]
    for before, after in zip(rows(own), rows(placebo), strict=True):
        assert after["references"] != before["references"]
        assert after["messages"][-1]["content"] == after["ground_truth"] == after["references"][0]
        assert after["bleu_score"] == before["bleu_score"], "selection saw a row's own references"
    assert grpo(*words, "--shuffle_references", "7") is None
    assert grpo(*words, "--shuffle_references", "8") is not None


def test_a_placebo_under_the_name_of_the_real_data_is_refused(grpo):
    words = ["--num_examples", "5", "--selection_mode", "random", "--output_dataset_name", "mine"]
    grpo(*words)
    with pytest.raises(UserError, match="shuffle_references: existing None, requested 7"):
        grpo(*words, "--shuffle_references", "7")


@pytest.mark.parametrize("name", [[], ["--output_dataset_name", "mine"]])
def test_the_same_command_again_uses_what_is_there(grpo, caplog, name):
    folder = grpo("--num_examples", "4", *name)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    with caplog.at_level("INFO"):
        assert grpo("--num_examples", "4", *name) is None
    assert "was made by an equal request and is reused" in caplog.text
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before


def test_an_unfinished_folder_is_not_taken_for_a_data_set(grpo):
    folder = grpo("--num_examples", "4")
    folder.rename(folder.with_name(f".{folder.name}.abcdefgh.partial"))  # killed right before the last renaming
    assert grpo("--num_examples", "4") == folder
    assert made_in(grpo.data) == {folder}


def test_a_broken_data_set_of_another_name_is_nobodys_business(grpo):
    other = grpo("--num_examples", "4")
    (other / "manifest.json").write_text("{")
    assert grpo("--num_examples", "5").name.endswith("_hard_5")


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["--num_examples", "5"], "num_examples: existing 4, requested 5"),
        (["--num_examples", "4", "--selection_mode", "easy"], "selection_mode: existing hard, requested easy"),
        (["--num_examples", "4", "--metric", "rouge"], "metric: existing bleu|"),
        (["--num_examples", "4", "--seed", "1"], "seed: existing 42, requested 1"),
        (["--num_examples", "4", "--ref_models", "o4-mini-2025-04-16"], "ref_models: existing ['gold'], requested "),
    ],
)
def test_one_made_otherwise_is_refused_with_the_difference_and_replaced_when_told(grpo, words, difference):
    name = ["--output_dataset_name", "mine"]
    folder = grpo("--num_examples", "4", *name)
    before = rows(folder)
    with pytest.raises(UserError) as caught:
        grpo(*words, *name)
    assert difference in caught.value.what
    assert "--overwrite" in caught.value.cure
    assert rows(folder) == before
    grpo(*words, *name, "--overwrite")
    assert manifest(folder)["config"] != {}
    assert rows(folder) != before or "--seed" in words
    assert grpo(*words, *name) is None


def test_changed_content_behind_the_same_paths_is_another_data_set(grpo):
    grpo("--num_examples", "4", "--output_dataset_name", "mine")
    grpo.outputs.write_text(grpo.outputs.read_text().replace("It is", "It was"))
    with pytest.raises(UserError, match="outputs_sha256"):
        grpo("--num_examples", "4", "--output_dataset_name", "mine")
    grpo.pool.write_text(grpo.pool.read_text().replace("Say the", "Say a"))
    with pytest.raises(UserError, match="pool_sha256"):
        grpo("--num_examples", "4", "--output_dataset_name", "mine")


@pytest.mark.parametrize("damage", [True, False])
def test_scores_of_other_outputs_or_a_touched_file_are_never_read(grpo, damage):
    name = ["--output_dataset_name", "mine", "--overwrite"]
    first = {row["id"]: row["bleu_score"] for row in rows(grpo(*name))}
    scores = grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json"
    if damage:
        scores.write_text(scores.read_text().replace('"bleu_score": ', '"bleu_score": 9'))
    else:
        grpo.outputs.write_text(grpo.outputs.read_text().replace("It is", "It was"))
    grpo(*name)
    second = {row["id"]: row["bleu_score"] for row in rows(grpo.data / "data_grpo/mine")}
    assert (second == first) == damage
    assert max(second.values()) <= 1


def test_a_folder_that_this_tool_did_not_make_is_refused(grpo):
    (grpo.data / "data_grpo/mine").mkdir(parents=True)
    (grpo.data / "data_grpo/mine/letter.txt").write_text("dear")
    with pytest.raises(UserError, match="it has no manifest, so this command did not make it"):
        grpo("--num_examples", "4", "--output_dataset_name", "mine")
    assert (grpo.data / "data_grpo/mine/letter.txt").read_text() == "dear"


def test_scores_of_the_original_tool_are_imported(grpo, caplog):
    path = grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([{"id": f"r{number}", "bleu_score": number / 100} for number in range(1, 11)]))
    before = path.read_bytes()
    flags = ["--hf_dataset_path", str(grpo.pool), "--output_dir", str(grpo.data), "--metric", "bleu"]
    flags += ["--model", "org/some-model", "--num_examples", "3"]
    with caplog.at_level("INFO"):
        assert front_door(["grpo", *flags]) == 0  # no model of that name could be loaded here
    (folder,) = made_in(grpo.data)
    assert [row["id"] for row in rows(folder)] == ["r3", "r2", "r1"]
    assert "Imported 10 scores" in caplog.text
    assert manifest(folder)["dropped"] == {"without an imported score": 2, "not selected": 7}
    assert manifest(folder)["reward_signature"].startswith("bleu|imported:")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["{", '["a"]', '[{"id": "r1"}, {"score": 1}]', '[{"id": "r1", "bleu": "high"}]'])
def test_a_file_there_that_is_no_score_file_is_told(grpo, content):
    path = grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    flags = ["--hf_dataset_path", str(grpo.pool), "--output_dir", str(grpo.data), "--metric", "bleu"]
    with pytest.raises(UserError, match="Move the file away"):
        front_door(["grpo", *flags, "--model", "org/some-model", "--num_examples", "3"])
    assert path.read_text() == content


def test_a_users_own_score_file_is_kept_when_scores_are_computed(grpo):
    path = grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json"
    path.parent.mkdir(parents=True)
    path.write_text('[{"id": "r1", "bleu_score": 1.0}]')
    grpo("--num_examples", "3")
    assert path.with_name(path.stem + ".imported.json").read_text() == '[{"id": "r1", "bleu_score": 1.0}]'
