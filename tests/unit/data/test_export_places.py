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
