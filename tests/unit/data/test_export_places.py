"""`data export` beside other files: their manifests stay, and a package has all that it needs."""

import json
import shutil
import subprocess
import sys

import pytest

from bleuberi.cli.data_export import main
from bleuberi.cli.main import find_command
from bleuberi.errors import UserError

POOL = [{"id": word, "prompt": f"Question {word}?", "ref_output_gold": f"Answer {word}."} for word in "abc"]
GRADER = {"type": "string_check", "name": "same", "operation": "eq",
          "input": "{{sample.output_text}}", "reference": "{{item.answer}}"}  # fmt: skip


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in POOL))
    return path


def test_an_export_does_not_replace_the_manifest_of_another_file(pool, tmp_path):
    lines, table = str(tmp_path / "train.jsonl"), str(tmp_path / "train.parquet")
    assert main([str(pool), "--to", "trl", "--output", lines]) == 0
    before = (tmp_path / "train.manifest.json").read_text()
    for words in ([], ["--overwrite"]):
        with pytest.raises(UserError, match=r"is the manifest of train\.jsonl") as caught:
            main([str(pool), "--to", "verl", "--output", table, *words])
        assert "train_verl.parquet" in caught.value.cure
    assert (tmp_path / "train.manifest.json").read_text() == before
    assert main([str(pool), "--to", "trl", "--output", lines]) == 0
    (tmp_path / "train.jsonl").unlink()
    assert main([str(pool), "--to", "verl", "--output", table]) == 0


@pytest.mark.parametrize("words", [["data", "export", "--to", "trl"], ["data", "import", "--limit", "1"]], ids=" ".join)
def test_an_output_never_replaces_its_input(pool, tmp_path, words):
    before, link = pool.read_bytes(), tmp_path / "link.jsonl"
    link.symlink_to(pool)
    for output in (pool, link):
        command, rest = find_command([*words, str(pool), "--output", str(output), "--overwrite"])
        with pytest.raises(UserError, match="is an input"):
            command(rest)
    assert pool.read_bytes() == before
    responses = tmp_path / "responses.jsonl"
    responses.write_text(json.dumps({"id": "a", "response": "No."}) + "\n")
    with pytest.raises(UserError, match="is an input"):
        main([str(pool), "--to", "dpo", "--outputs", str(responses), "--output", str(responses), "--overwrite"])


@pytest.mark.parametrize("words", [["data", "export", "--to", "trl"], ["data", "import", "--limit", "1"]], ids=" ".join)
def test_an_output_never_replaces_a_file_of_its_input_folder(pool, tmp_path, monkeypatch, words):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "pools" / "more"
    folder.mkdir(parents=True)
    part = folder / "part.jsonl"
    part.write_bytes(pool.read_bytes())
    for source in (str(tmp_path / "pools"), "~/pools/more/part.jsonl"):  # a quoted ~
        command, rest = find_command([*words, source, "--output", str(part), "--overwrite"])
        with pytest.raises(UserError, match="is an input"):
            command(rest)
        assert part.read_bytes() == pool.read_bytes()
    command, rest = find_command([*words, str(tmp_path / "pools"), "--output", str(folder / "new.jsonl")])
    assert command(rest) == 0, "a new file replaces nothing"


def test_a_package_never_replaces_a_folder_with_its_input(pool, tmp_path):
    package, words = tmp_path / "my_pools", ["--to", "verifiers", "--output", str(tmp_path / "my_pools")]
    assert main([str(pool), *words]) == 0
    inside = package / "pool.jsonl"
    inside.write_bytes(pool.read_bytes())
    with pytest.raises(UserError, match="is an input"):
        main([str(inside), *words, "--overwrite"])
    assert inside.read_bytes() == pool.read_bytes()


def test_a_check_or_a_selection_never_replaces_a_folder_with_its_input(pool, tmp_path):
    words = ["--output_dir", str(tmp_path / "checked"), "--drop", "duplicate_prompt"]
    command, rest = find_command(["data", "check", str(pool), *words])
    assert command(rest) == 0
    kept = tmp_path / "checked/pool.jsonl"
    command, rest = find_command(["data", "check", str(kept), *words, "--overwrite"])
    with pytest.raises(UserError, match=r"jsonl is an input, and the output .*checked would replace it"):
        command(rest)
    words = ["--selection_mode", "random", "--output_dir", str(tmp_path), "--output_dataset_name", "some"]
    command, rest = find_command(["data", "grpo", "--hf_dataset_path", str(pool), *words, "--num_examples", "3"])
    assert command(rest) == 0
    made = str(tmp_path / "data_grpo/some")
    with pytest.raises(UserError, match="is an input"):
        command(["--hf_dataset_path", made, *words, "--num_examples", "1", "--overwrite"])


def test_canned_answers_are_not_replaced_by_references(pool, tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps({"id": row["id"], "response": "Yes."}) + "\n" for row in POOL))
    words = ["--model", "m", "--engine", "canned", "--answers", str(answers), "--output", str(answers), "--overwrite"]
    command, rest = find_command(["references", "--hf_dataset_path", str(pool), *words])
    with pytest.raises(UserError, match="is an input"):
        command(rest)


@pytest.mark.parametrize("name", ["json", "verifiers", "Random"])
def test_a_package_may_not_have_the_name_of_a_module_that_it_would_hide(pool, tmp_path, name):
    with pytest.raises(UserError, match="cannot be the name of a Python package"):
        main([str(pool), "--to", "verifiers", "--output", str(tmp_path / name)])


def test_a_package_brings_its_grader_and_a_changed_grader_is_another_package(pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grader = tmp_path / "grader.json"
    grader.write_text(json.dumps(GRADER))
    words = [str(pool), "--to", "verifiers", "--output", "tasks_here", "--metric", "grader:grader.json"]
    assert main(words) == 0
    grader.write_text(json.dumps({**GRADER, "operation": "ne"}))
    with pytest.raises(UserError, match="different settings"):
        main(words)
    grader.unlink()
    moved = tmp_path / "elsewhere" / "tasks_here"
    shutil.move(tmp_path / "tasks_here" / "tasks_here", moved)
    source = (moved / "taskset.py").read_text()
    (line,) = [line for line in source.splitlines() if line.startswith("REWARD = ")]
    code = "from pathlib import Path\nfrom bleuberi.rewards import load_reward\n"
    code += f"__file__ = {str(moved / 'taskset.py')!r}\n"
    code += line.replace("VerifiersReward(", "(") + "\nprint(REWARD(responses=['a', 'b'], references=[['a'], ['a']]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path.parent)
    assert done.stdout.strip() == "[1.0, 0.0]"
