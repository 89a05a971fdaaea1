"""Folders and files of the method's original program are taken as they are, under the names that it gave them."""

import csv
import json
import shutil

import pytest

from bleuberi.cli.create_training_data import front_door
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from tests.conftest import pool_rows

datasets = pytest.importorskip("datasets")

CLAUDE, LLAMA = "claude-3-7-sonnet@20250219", "Llama-3.2-1B"
MODEL = "some-owner/some-model"  # is nowhere, so whoever asks it fails


@pytest.fixture
def grpo(tmp_path, write_pool):
    """The command on a pool of 12 rows with three references each; gives the data set's rows, newest first made."""
    references = {f"ref_output_{name}": "Say it." for name in (CLAUDE, LLAMA)}
    pool = write_pool(pool_rows(12, source="s", **references))
    data = tmp_path / "data"

    def command(*words, model=MODEL):
        before = set(data.glob("data_grpo/*"))
        flags = ["--hf_dataset_path", str(pool), "--output_dir", str(data), "--metric", "bleu", "--model", model]
        assert front_door(["grpo", *flags, *words]) == 0
        (made,) = set(data.glob("data_grpo/*")) - before or [None]
        return made

    command.data, command.pool = data, pool
    return command


def rows(folder):
    return datasets.load_from_disk(str(folder))["train"].to_list()


def save_released(folder, count=3):
    """A GRPO data set as the original saves one: no manifest."""
    made = [
        {"id": row["id"], "source": "s", "messages": [{"role": "user", "content": row["prompt"]}],
         "prompt": row["prompt"], "ground_truth": "g", "references": ["g"], "bleu_score": 0.5}
        for row in pool_rows(count)
    ]  # fmt: skip
    datasets.DatasetDict({"train": datasets.Dataset.from_list(made)}).save_to_disk(str(folder))
    (folder / "bleu_distribution.png").write_bytes(b"png")


def write_scores(path, metric="bleu", count=12):
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = {f"r{number}": {"score": number / 100, "metric": metric} for number in range(count)}
    path.write_text(json.dumps(scores))


def write_responses(path, responses):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL, escapechar="\\")
        writer.writerow(["id", "source", "prompt", "response"])
        writer.writerows([row_id, "s", "p", text] for row_id, text in responses)


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("pool_there", [True, False])
def test_a_data_set_without_a_manifest_is_used_and_said(grpo, caplog, capsys, named, pool_there):
    name = "mine" if named else "pool_bleu_some-model_1ref-gold_hard_5"
    save_released(grpo.data / "data_grpo" / name)
    before = content(grpo.data)
    if not pool_there:
        grpo.pool.unlink()
    words = ["--num_examples", "5", *(["--output_dataset_name", name] if named else [])]
    assert grpo(*words) is None
    assert f"The data set {grpo.data}/data_grpo/{name} was made by another program" in caplog.text
    assert "its 3 rows are used as they are" in caplog.text
    assert capsys.readouterr().out == f"3 examples in {grpo.data}/data_grpo/{name}\n"
    assert content(grpo.data) == before


def test_a_data_set_without_splits_is_used_too(grpo, caplog):
    folder = grpo.data / "data_grpo/mine"
    save_released(folder)
    rows_there = datasets.load_from_disk(str(folder))["train"]
    shutil.rmtree(folder)
    rows_there.save_to_disk(str(folder))
    assert grpo("--num_examples", "5", "--output_dataset_name", "mine") is None
    assert "its 3 rows are used as they are" in caplog.text


@pytest.mark.parametrize("there", ["2ref-claude-gold", "2ref-gold-claude"])
@pytest.mark.parametrize("asked", [("gold", CLAUDE), (CLAUDE, "gold")])
def test_generated_names_are_found_in_either_order(grpo, there, asked):
    save_released(grpo.data / f"data_grpo/pool_bleu_some-model_{there}_hard_5")
    save_released(grpo.data / "data_grpo/pool_bleu_some-model_3ref-gold-claude-llama_hard_5")
    assert grpo("--num_examples", "5", "--ref_models", *asked) is None


def test_a_generated_name_is_found_too_if_the_number_of_rows_tells_it(grpo):
    write_scores(grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json", count=7)
    save_released(grpo.data / "data_grpo/pool_bleu_some-model_1ref-gold_hard_7")
    assert grpo() is None


def test_a_released_data_set_is_replaced_on_request_alone(grpo):
    folder = grpo.data / "data_grpo/mine"
    save_released(folder)
    write_scores(grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json")
    grpo("--num_examples", "5", "--output_dataset_name", "mine", "--overwrite")
    assert len(rows(folder)) == 5


def test_a_folder_that_is_not_a_data_set_is_refused_without_naming_overwrite(grpo, tmp_path, capsys):
    folder = grpo.data / "data_grpo/mine"
    folder.mkdir(parents=True)
    (folder / "letter.txt").write_text("dear")
    words = ["grpo", "--hf_dataset_path", str(grpo.pool), "--output_dir", str(grpo.data), "--selection_mode", "random"]
    assert run(front_door, [*words, "--num_examples", "2", "--output_dataset_name", "mine"]) == 2
    said = capsys.readouterr().err
    assert "already exists; it has no manifest, so this command did not make it." in said
    assert "--overwrite" not in said


def test_an_sft_data_set_without_a_manifest_is_used_and_said(grpo, caplog):
    folder = grpo.data / "data_grpo/mine"
    save_released(folder)
    words = ["sft", "--input_data_path", str(folder), "--output_dir", str(grpo.data)]
    assert front_door(words) == 0
    made = grpo.data / "data_sft/mine_SFT"
    (made / "manifest.json").unlink()  # as the original saves it
    before = content(made)
    shutil.rmtree(folder)  # it was read to make the pairs; now nobody needs it
    assert front_door(words) == 0
    assert f"The data set {made} was made by another program (it has no manifest): its 3 rows are used" in caplog.text
    assert content(made) == before


def test_a_grpo_data_set_in_the_place_of_pairs_is_told(grpo):
    save_released(grpo.data / "data_sft/mine_SFT")
    save_released(grpo.data / "data_grpo/mine")
    with pytest.raises(UserError, match="is not an SFT data set"):
        front_door(["sft", "--input_data_path", str(grpo.data / "data_grpo/mine"), "--output_dir", str(grpo.data)])


@pytest.mark.parametrize("label", ["3ref-gold-claude-llama", "3ref-llama-gold-claude", "3ref-gold-claude-llama-3.2-1b"])
def test_scores_are_found_in_any_order_of_the_references_and_by_short_names(grpo, caplog, label):
    path = grpo.data / f"scored_outputs/pool_bleu_some-model_{label}.json"
    write_scores(path)
    before = content(grpo.data)
    with caplog.at_level("INFO"):
        made = grpo("--ref_models", "gold", CLAUDE, LLAMA, "--num_examples", "3")
    assert [row["id"] for row in rows(made)] == ["r2", "r1", "r0"]
    assert f"Imported 12 scores from {path}" in caplog.text
    assert {path: text for path, text in content(grpo.data).items() if path in before} == before
    assert not (grpo.data / "inference_outputs").exists()
    found = json.loads((made / "manifest.json").read_text())
    assert found["outputs"] == {"scores_imported_from": path.name}


def test_scores_of_a_reward_model_need_no_reward_model(grpo):
    write_scores(grpo.data / "scored_outputs/pool_rm_some-model_1ref-gold.json", metric="rm")
    made = grpo("--num_examples", "3", "--metric", "rm")
    assert made.name == "pool_rm_some-model_1ref-gold_hard_3"
    assert [row["rm_score"] for row in rows(made)] == [0.02, 0.01, 0.0]


def test_scores_of_another_metric_are_not_taken(grpo, caplog):
    path = grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json"
    write_scores(path, metric="rouge")
    write_responses(
        grpo.data / "inference_outputs/some-model_inference_results.csv", [(f"r{n}", "It is 3.") for n in range(12)]
    )
    made = grpo("--num_examples", "3")
    assert f"{path} has scores by rouge, not by bleu; they are ignored" in caplog.text
    assert rows(made)[0]["bleu_score"] not in (0.02, 0.01)
    assert json.loads(path.with_name(path.stem + ".imported.json").read_text())["r1"]["metric"] == "rouge"


def test_of_two_responses_to_one_row_the_last_counts_and_backslashes_are_read_as_there(grpo):
    """The original's own reader leaves the escape characters in the texts, so its scores are of these texts."""
    path = grpo.data / "inference_outputs/some-model_inference_results.csv"
    write_responses(path, [(f"r{n}", f'It "is"\n{n}.') for n in range(12)] + [("r3", "It is \\frac{3}{1}.")])
    grpo("--num_examples", "3")
    scored = json.loads((grpo.data / "scored_outputs/pool_bleu_some-model_1ref-gold.json").read_text())
    texts = {row["id"]: row["response"] for row in scored}
    assert texts["r3"] == "It is \\\\frac{3}{1}."
    assert texts["r4"] == 'It "is"\n4.'


def test_scores_and_responses_of_two_runs_checkpoints_stay_apart(grpo, tmp_path, monkeypatch):
    responses = grpo.data / "inference_outputs"
    for run_name, text in (("run1", "It is 1."), ("run2", "Quite another text.")):
        folder = tmp_path / f"ckpts/{run_name}/checkpoint-250"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        write_responses(
            responses / f"{run_name}_checkpoint-250_inference_results.csv", [(f"r{n}", text) for n in range(12)]
        )
    first = grpo("--num_examples", "3", model=str(tmp_path / "ckpts/run1/checkpoint-250"))
    assert first.name == "pool_bleu_run1_checkpoint-250_1ref-gold_hard_3"
    scores = grpo.data / "scored_outputs/pool_bleu_run1_checkpoint-250_1ref-gold.json"
    before = scores.read_bytes()
    monkeypatch.chdir(tmp_path / "ckpts/run2")
    second = grpo("--num_examples", "3", model="./checkpoint-250")
    assert second.name == "pool_bleu_run2_checkpoint-250_1ref-gold_hard_3"
    assert scores.read_bytes() == before
    assert rows(first)[0]["bleu_score"] != rows(second)[0]["bleu_score"]


@pytest.mark.parametrize("count", [5, 12, 40])
def test_random_asks_no_model_and_keeps_the_pools_order_if_all_rows_are_taken(grpo, caplog, count):
    import numpy as np

    with caplog.at_level("INFO"):
        made = grpo("--selection_mode", "random", "--num_examples", str(count))
    order = np.random.RandomState(42).choice(12, 5, replace=False) if count == 5 else range(12)
    assert [row["id"] for row in rows(made)] == [f"r{place}" for place in order]
    assert made.name == f"pool_bleu_some-model_1ref-gold_random_{min(count, 12)}"
    assert "bleu_score" not in rows(made)[0]
    assert "The data set is saved without scores: random takes rows without scores" in caplog.text
    assert sorted(path.name for path in grpo.data.iterdir()) == ["data_grpo"]


@pytest.mark.parametrize("which", ["train/dataset_info.json", "train/data-00000-of-00001.arrow"])
def test_files_that_git_lfs_has_not_fetched_are_told(grpo, which):
    folder = grpo.data / "data_grpo/mine"
    save_released(folder)
    (folder / which).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(UserError) as caught:
        grpo("--num_examples", "5", "--output_dataset_name", "mine")
    assert str(folder / which) in caught.value.what
    assert caught.value.cure == "Fetch the files with: git lfs pull"


@pytest.mark.parametrize("name", ["inference_outputs/some-model_inference_results.csv",
                                  "scored_outputs/pool_bleu_some-model_1ref-gold.json"])  # fmt: skip
def test_tables_that_git_lfs_has_not_fetched_are_told(grpo, name):
    path = grpo.data / name
    path.parent.mkdir(parents=True)
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n")
    with pytest.raises(UserError, match="is a Git LFS pointer"):
        grpo("--num_examples", "5")
