"""Names, reuse, refusals and imports of GRPO data sets, through the real command on small pools."""

import json

import pytest

from bleuberi.artifacts import readable_json
from bleuberi.cli.create_training_data import front_door
from bleuberi.data.reasoning import with_reasoning, without_reasoning
from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.selection.dataset_folder import save_dataset
from bleuberi.selection.view import selection_section
from bleuberi.view.pictures import write_picture
from tests.conftest import pool_rows

datasets = pytest.importorskip("datasets")

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
    return datasets.load_from_disk(str(folder))["train"].to_list()


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


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
    save_dataset(tmp_path / "made", [{"id": "a"}, {"id": "b", "late": 1.5}], {}, overwrite=False)
    assert rows(tmp_path / "made") == [{"id": "a", "late": None}, {"id": "b", "late": 1.5}]


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


def test_random_draws_from_rows_with_references_in_the_order_drawn(grpo):
    import numpy as np

    folder = grpo("--selection_mode", "random", "--num_examples", "7", "--seed", "5", scored=False)
    drawn = np.random.RandomState(5).choice(12, 7, replace=False)
    assert [row["id"] for row in rows(folder)] == [f"r{place}" for place in drawn]
    scored = grpo("--selection_mode", "random", "--num_examples", "7", "--seed", "5")
    assert [row["id"] for row in rows(scored)] == [f"r{place}" for place in drawn]


def test_sft_pairs_of_a_data_set(grpo, capsys):
    folder = grpo("--num_examples", "4", "--ref_models", "gold", "o4-mini-2025-04-16", "--output_dataset_name", "two")
    words = ["sft", "--input_data_path", str(folder), "--output_dir", str(grpo.data)]
    assert front_door(words) == 0
    made = grpo.data / "data_sft/two_SFT"
    assert capsys.readouterr().out.splitlines()[-1] == f"8 prompt-response pairs in {made}"
    pairs = rows(made)
    expected = [
        (f"{row['id']}_{place}", reference) for row in rows(folder) for place, reference in enumerate(row["references"])
    ]
    assert [(pair["id"], pair["messages"][-1]["content"]) for pair in pairs] == expected
    assert [list(pair) for pair in pairs] == [["id", "source", "messages"]] * 8
    assert [[turn["role"] for turn in pair["messages"]] for pair in pairs] == [["user", "assistant"]] * 8
    before = made.stat().st_mtime_ns
    assert front_door(words) == 0
    assert made.stat().st_mtime_ns == before
    grpo("--num_examples", "3", "--output_dataset_name", "two", "--overwrite")
    with pytest.raises(UserError, match="already exists with different settings"):
        front_door(words)
    assert front_door([*words, "--overwrite"]) == 0
    assert len(rows(made)) == 3


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


def test_reasoning_asks_for_tags_and_scores_the_answer(grpo):
    plain = grpo()
    tagged = "".join(
        json.dumps({"id": key, "output": f"<think>Some long idle words.</think><answer>{text}</answer>"}) + "\n"
        for key, text in OUTPUTS.items()
    )
    grpo.outputs.write_text(tagged)
    folder = grpo("--reasoning")
    assert folder.name == "pool_bleu_on_answer_some-model_1ref-gold_hard_12_reasoning"
    assert manifest(folder)["reward_signature"].endswith("|on:first-answer-tag-or-behind-think-or-all")
    scores = {row["id"]: row["bleu_on_answer_score"] for row in rows(folder)}
    assert scores == {row["id"]: row["bleu_score"] for row in rows(plain)}
    system = {row["messages"][0]["content"] for row in rows(folder)}
    assert len(system) == 1
    assert all(tag in system.copy().pop() for tag in ("<think>", "</think>", "<answer>"))
    assert rows(folder)[0]["messages"][0]["role"] == "system"
    with pytest.raises(UserError, match=r"already exists"):
        grpo("--output_dataset_name", folder.name)


def test_sft_pairs_leave_the_reasoning_turn_out(grpo):
    """References have no tags: pairs that ask for them would teach the model to ignore the request."""
    folder = grpo("--reasoning", "--selection_mode", "random", "--num_examples", "3", scored=False)
    assert folder.name.endswith("_random_3_reasoning")
    assert front_door(["sft", "--input_data_path", str(folder), "--output_dir", str(grpo.data)]) == 0
    pairs = rows(grpo.data / "data_sft" / f"{folder.name}_SFT")
    assert pairs
    assert all([turn["role"] for turn in row["messages"]] == ["user", "assistant"] for row in pairs)


def test_reasoning_keeps_the_pools_own_system_turn():
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    asked = with_reasoning(turns)
    assert asked[0]["content"].startswith("Be brief.\n\n")
    assert asked[1:] == turns[1:]
    assert with_reasoning(asked) == asked
    assert without_reasoning(asked) == turns
