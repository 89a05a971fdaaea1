"""Names, columns, rows and records of GRPO data sets, through the real command on small pools."""

import json

import pytest

from bleuberi.artifacts import readable_json
from bleuberi.cli.create_training_data import front_door
from bleuberi.rewards import load_reward
from bleuberi.selection.dataset_folder import save_dataset
from bleuberi.selection.view import selection_section
from bleuberi.view.pictures import write_picture
from tests.unit.selection.conftest import OUTPUTS, manifest, rows

pytest.importorskip("datasets")


@pytest.mark.parametrize(
    ("words", "scored", "name"),
    [
        (["--num_examples", "4"], True, "pool_bleu_some-model_1ref-gold_hard_4"),
        ([], True, "pool_bleu_some-model_1ref-gold_hard_12"),
        (["--num_examples", "99", "--selection_mode", "easy"], True, "pool_bleu_some-model_1ref-gold_easy_12"),
        (
            ["--ref_models", "o4-mini-2025-04-16", "gold", "--selection_mode", "medium", "--num_examples", "3"],
            True,
            "pool_bleu_some-model_2ref-gold-o4mini_medium_3",
        ),
        (["--selection_mode", "random", "--num_examples", "5"], False, "pool_1ref-gold_random_5"),
        (["--selection_mode", "random", "--num_examples", "5"], True, "pool_bleu_some-model_1ref-gold_random_5"),
        (["--num_examples", "4", "--output_dataset_name", "my_set"], True, "my_set"),
    ],
)
def test_names_and_columns(grpo, words, scored, name):
    folder = grpo(*words, scored=scored)
    assert folder.name == name
    columns = ["id", "source", "messages", "prompt", "ground_truth", "references"] + ["bleu_score"] * scored
    assert list(rows(folder)[0]) == columns
    assert (folder / "bleu_distribution.png").is_file() == scored
    assert not list(grpo.data.rglob("*partial*"))


def test_what_lies_beside_the_data_set(grpo):
    folder = grpo("--num_examples", "4")
    label = "pool_bleu_some-model_1ref-gold"
    scores = json.loads((grpo.data / f"scored_outputs/{label}.json").read_text())
    assert {row["id"]: row["response"] for row in scores} == OUTPUTS
    assert (grpo.data / f"scored_outputs/{label}_distribution.png").stat().st_size > 1000
    found = manifest(folder)
    assert (found["rows_in"], found["rows_out"], found["dropped"]["not selected"]) == (12, 4, 8)
    assert found["reward_signature"] == load_reward("bleu").signature()
    assert found["outputs"]["from"] == "outs.jsonl"


def test_fewer_rows_than_asked_for_are_all_kept_with_a_warning(grpo, caplog):
    assert len(rows(grpo("--num_examples", "99"))) == 12
    assert "99 examples requested, but only 12 exist; all are kept" in caplog.text


def test_rows_without_an_output_are_dropped_and_counted(grpo, caplog):
    lines = grpo.outputs.read_text().splitlines()
    grpo.outputs.write_text("\n".join(lines[2:] + lines[:1] + lines[3:5]) + "\n")
    with caplog.at_level("INFO"):
        folder = grpo("--num_examples", "4")
    assert "kept 4 of 12 (1 without an output, 7 not selected)" in caplog.text
    assert manifest(folder)["outputs"]["repeated_ids"] == 2


def test_a_data_set_keeps_columns_that_its_first_row_lacks(tmp_path):
    save_dataset(tmp_path / "made", [{"id": "a"}, {"id": "b", "late": 1.5}], {}, overwrite=False, inputs=[])
    assert rows(tmp_path / "made") == [{"id": "a", "late": None}, {"id": "b", "late": 1.5}]


@pytest.mark.parametrize("metric", ["bleu", "rouge", "bleu_rouge_f1"])
@pytest.mark.parametrize("mode", ["hard", "medium", "easy"])
def test_rows_scores_and_order_of_every_metric(grpo, metric, mode):
    folder = grpo("--num_examples", "5", "--metric", metric, "--selection_mode", mode)
    reward = load_reward(metric)
    scores = {}
    for number in range(12):
        (scores[f"r{number}"],) = reward(responses=[OUTPUTS[f"r{number}"]], references=[[f"It is {number}."]])
    ordered = sorted(scores, key=scores.get, reverse=mode == "easy")
    start = 3 if mode == "medium" else 0
    made = rows(folder)
    assert {row["id"] for row in made} == set(ordered[start : start + 5])
    assert {row["id"]: row[f"{metric}_score"] for row in made} == {row["id"]: scores[row["id"]] for row in made}
    values = [row[f"{metric}_score"] for row in made]
    assert values == sorted(values, reverse=True)


def test_a_source_that_looks_like_broken_tex_is_only_text(grpo, tmp_path):
    content = [json.loads(line) | {"source": r"$\frac{x$"} for line in grpo.pool.read_text().splitlines()]
    grpo.pool.write_text("".join(json.dumps(row) + "\n" for row in content))
    folder = grpo("--num_examples", "4")
    for name in ("selection.png", "bleu_distribution.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    write_picture(tmp_path / "selection.svg", selection_section(folder, "selection", "made").charts)
    assert r"$\frac{x$" in (tmp_path / "selection.svg").read_text()


def test_the_record_is_written_in_parts_as_it_is_written_whole(grpo):
    for words in (["--num_examples", "4"], ["--num_examples", "1", "--selection_mode", "random"]):
        text = (grpo(*words) / "selection.json").read_text()
        assert text == readable_json(json.loads(text), indent=2) + "\n"
        assert len(json.loads(text)["rows"]) == int(words[1])


def test_a_reward_of_ones_own_gives_the_column_its_name(grpo):
    folder = grpo("--num_examples", "4", "--metric", "bleuberi.rewards.bleu:Bleu")
    assert folder.name == "pool_bleu_some-model_1ref-gold_hard_4"
    assert "bleu_score" in rows(folder)[0]
    assert (folder / "bleu_distribution.png").is_file()


def test_random_draws_from_rows_with_references_in_the_order_drawn(grpo):
    import numpy as np

    folder = grpo("--selection_mode", "random", "--num_examples", "7", "--seed", "5", scored=False)
    drawn = np.random.RandomState(5).choice(12, 7, replace=False)
    assert [row["id"] for row in rows(folder)] == [f"r{place}" for place in drawn]
    scored = grpo("--selection_mode", "random", "--num_examples", "7", "--seed", "5")
    assert [row["id"] for row in rows(scored)] == [f"r{place}" for place in drawn]


def test_scores_of_a_random_draw_leave_the_whole_pools_scores_alone(pool_file, tmp_path):
    outputs = tmp_path / "outputs.jsonl"
    rows = [json.loads(line) for line in pool_file.read_text(encoding="utf-8").splitlines()]
    outputs.write_text("".join(json.dumps({"id": row["id"], "output": row["prompt"]}) + "\n" for row in rows))
    words = ["grpo", "--hf_dataset_path", str(pool_file), "--metric", "bleu", "--outputs", str(outputs)]
    words += ["--output_dir", str(tmp_path / "data"), "--num_examples", "5"]
    assert front_door([*words, "--selection_mode", "hard"]) == 0
    scores = tmp_path / "data/scored_outputs/pool_bleu_outputs_1ref-gold.json"
    before = scores.read_bytes()
    assert front_door([*words, "--selection_mode", "random"]) == 0
    assert scores.read_bytes() == before
    drawn = json.loads(scores.with_name(f"{scores.stem}_random_5.json").read_text(encoding="utf-8"))
    whole = {row["id"]: row["bleu_score"] for row in json.loads(before)}
    assert len(drawn) == 5
    assert all(row["bleu_score"] == whole[row["id"]] for row in drawn)
