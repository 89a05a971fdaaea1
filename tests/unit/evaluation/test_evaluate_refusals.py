"""`bleuberi evaluate` refuses bad words and other settings, and keeps what was computed before a failure."""

import json
import math

import pytest

from tests.conftest import pool_rows
from tests.unit.generation.chat_server import ChatServer


def test_a_primary_comparison_of_unknown_groups_is_refused_before_any_model_answers(call, server, tmp_path, capsys):
    asked = len(server.bodies)
    plain = ["--models", "base=weak", "grpo=good-0"]
    assert call(tmp_path / "out", *plain, "--primary", "nobody:base") == 2
    assert "The primary comparison nobody:base is not a pair of two of the groups." in capsys.readouterr().err
    assert call(tmp_path / "out", *plain, "--primary", "grpo") == 2
    assert "--primary got 'grpo'." in capsys.readouterr().err
    assert len(server.bodies) == asked


@pytest.mark.parametrize("name", ["answers.jsonl", "judgments.jsonl"])
@pytest.mark.parametrize(
    "words",
    [
        ["--models", "base=FILE", "grpo=good-0"],
        ["--models", "base=weak", "grpo=good-0", "--controls", "brief=FILE"],
        ["--models", "base=weak", "grpo=good-0", "--retention", "FILE"],
        ["--models", "base=weak", "--engine", "canned", "--answers", "FILE"],
        ["--models", "base=weak", "grpo=good-0", "--prompts", "FILE"],
        ["--models", "base=weak", "grpo=good-0", "--prompts", "FOLDER"],
    ],
    ids=" ".join,
)
def test_inputs_in_the_output_folder_are_not_replaced(call, tmp_path, capsys, words, name):
    file = tmp_path / name
    file.write_text("".join(json.dumps({**row, "response": "It is a number."}) + "\n" for row in pool_rows(12)))
    before = file.read_bytes()
    words = [word.replace("FILE", str(file)).replace("FOLDER", str(tmp_path)) for word in words]
    for more in ([], ["--overwrite"]):
        assert call(tmp_path, *words, *more) == 2
        assert f"{name} is an input, and the output {file} would replace it." in capsys.readouterr().err
        assert file.read_bytes() == before


def test_prompts_without_references(call, server, tmp_path, capsys):
    pool = tmp_path / "asked.jsonl"
    pool.write_text("".join(json.dumps({"id": str(n), "prompt": f"Say the number {n}."}) + "\n" for n in range(4)))
    plain = ["--models", "base=weak", "grpo=good-9"]
    assert call(tmp_path / "out", *plain, prompts=pool) == 2
    assert "has no references" in capsys.readouterr().err
    assert call(tmp_path / "out", *plain, "--no_references", "--metrics", "bleu", prompts=pool) == 2
    assert "cannot be computed with --no_references" in capsys.readouterr().err
    judge = ["--judge", "judge", "--judge_url", server.url]
    assert call(tmp_path / "out", *plain, "--no_references", *judge, prompts=pool) == 0
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert [one["name"] for one in content["metrics"]] == ["words", "copied"]
    assert content["judge"]["pairs"][0]["counts"]["other"] == 4
    assert content["verdict"] is None
    assert "on 4 prompts, no verdict (one run)." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--models", "a=weak", "a=weak"], "Two models have the same name."),
        (["--models", "a=weak", "g@0=x", "g@1=x"], "g@0 and g@1 are the same model, not two seeds."),
        (
            ["--models", "a=weak", "--judge_url", "http://x"],
            "--judge_url has no effect without --judge.",
        ),
        (["--models", "a=weak", "b=x", "--judge", "j", "--judge_pairs", "b"], "Invalid --judge_pairs 'b'."),
        (
            ["--models", "a=weak", "b=x", "--judge", "j", "--judge_url", "ftp://x"],
            "--judge_url ftp://x is not a web address.",
        ),
        (
            ["--models", "a=weak", "b=x", "--judge", "j", "--judge_url", ""],
            "--judge_url '' is not a web address.",
        ),
        (["--models", "a=weak", "--judge_url", ""], "--judge_url has no effect without --judge."),
        (["--models", "a=weak", "b=x", "--judge", ""], "--judge is empty."),
        (["--models", "a=weak", "b=x", "--base_url", ""], "--base_url '' is not a web address."),
        (
            ["--models", "a=weak", "b=x", "--judge", "j", "--judge_api_key_env", "NO_SUCH_KEY"],
            "The environment variable NO_SUCH_KEY is not set",
        ),
    ],
)
def test_bad_words_are_told_before_anyone_is_asked(call, server, tmp_path, capsys, monkeypatch, words, what):
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")  # with one, nothing but the words keeps OpenAI from being asked
    asked = len(server.bodies)
    assert call(tmp_path / "out", *words) == 2
    error = capsys.readouterr().err.splitlines()
    assert any(what in line for line in error)
    assert len(server.bodies) == asked
    assert not (tmp_path / "out/evaluation.json").exists()


def test_a_judge_that_fails_leaves_the_scores(call, tmp_path, capsys):
    refuse = (404, json.dumps({"error": {"message": "no such model"}}))
    with ChatServer(lambda prompt, attempt: refuse) as broken:
        words = ["--models", "base=weak", "grpo=good-0", "--judge", "judge", "--judge_url", broken.url]
        assert call(tmp_path / "out", *words) == 2
    content = json.loads((tmp_path / "out/evaluation.json").read_text())
    assert content["judge"] is None
    assert "The judge has not finished: run the command again." in content["warnings"]
    assert math.isfinite(content["comparisons"][0]["difference"]["bleu"]["value"])


def test_a_judge_can_be_added_later_and_its_work_outlives_a_failing_run(call, server, tmp_path, monkeypatch, capsys):
    folder, models = tmp_path / "own", ["--models", "base=weak", "grpo=good-0"]
    judge = ["--judge", "judge", "--judge_url", server.url]
    assert call(folder, *models) == 0
    assert call(folder, *models, *judge) == 0
    before = {name: (folder / name).read_bytes() for name in ("judgments.jsonl", "evaluation.json")}
    assert call(folder, *models) == 2  # it would throw the judge's part away
    assert "judge: existing {'model': 'judge'" in capsys.readouterr().err
    monkeypatch.setattr("bleuberi.generation.judge.Judge.compare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert call(folder, *models, *judge) == 130
    assert before == {name: (folder / name).read_bytes() for name in before}
