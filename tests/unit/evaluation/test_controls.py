"""The controls that ask the base again or take files, and the groups and metrics that flags may name."""

import json
from pathlib import Path

import pytest

from bleuberi.cli import evaluate
from bleuberi.cli.parser import run
from tests.conftest import pool_rows
from tests.unit.generation.chat_server import ChatServer

COUNT = 40
BRIEF = "Answer in at most 3 words."


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = pool_rows(COUNT)
    write(tmp_path / "pool.jsonl", rows)
    for name, begins in (("base", "Perhaps"), ("good", "It"), ("other", "Is")):
        made = [{"id": row["id"], "response": f"{begins} is {n}."} for n, row in enumerate(rows)]
        write(tmp_path / f"{name}.jsonl", made)
    return tmp_path


def call(*words):
    return run(evaluate.main, ["--prompts", "pool.jsonl", "--output_dir", "out", "--max_new_tokens", "32", *words])


def content():
    return json.loads(Path("out/evaluation.json").read_text())


def controls():
    return {one["name"]: one for one in content()["controls"]}


def answers():
    return [json.loads(line) for line in Path("out/answers.jsonl").read_text().splitlines()]


FILES = ["--models", "base=base.jsonl", "good=good.jsonl"]


def speak(body):
    number = body["messages"][-1]["content"].split(".")[0].split()[-1]
    return f"It is {number}." if body["max_tokens"] > 32 else "It is"


def test_a_cut_base_writes_on_with_four_times_the_limit_where_it_was_cut(place):
    def cut(prompt, attempt):  # every second prompt, when it is asked first
        return {"finish_reason": "length"} if int(prompt.split(".")[0].split()[-1]) % 2 and not attempt else None

    with ChatServer(cut, speak) as server:
        engine = ["--engine", "openai", "--base_url", server.url]
        assert call("--models", "base=weak", "good=good.jsonl", *engine, "--controls", "long") == 0
        limits = [body["max_tokens"] for body in server.bodies]
    assert (limits.count(32), limits.count(128)) == (COUNT, COUNT // 2)
    (long,) = content()["controls"]
    assert long["how"] == "base with at most 128 tokens per response"
    assert long["mean"]["words"]["value"] == long["mean_words"] == 2.5
    assert [row["controls"]["long"]["base"]["text"] for row in answers()[:2]] == ["It is", "It is 1."]
    found = content()["comparisons"][0]["difference"]["bleu"]["value"]
    assert 0 < long["difference"]["bleu"]["value"] < found


@pytest.mark.parametrize(("troubled", "computed"), [(1, True), (4, False)])
def test_few_prompts_that_fail_keep_the_bases_own_response_and_many_cost_the_control(place, troubled, computed):
    def fail(prompt, attempt):
        fails = BRIEF in prompt and int(prompt.split(".")[0].split()[-1]) < troubled
        return {"finish_reason": "error"} if fails else None

    with ChatServer(fail, lambda body: "It is") as server:
        engine = ["--engine", "openai", "--base_url", server.url]
        assert call("--models", "base=weak", "good=good.jsonl", *engine, "--controls", "brief") == 0
    (brief,) = content()["controls"]
    assert (brief["computed"], brief["missing"]) == (computed, troubled if computed else 0)
    assert brief["reason"] == (None if computed else "4 of 40 prompts have no response")
    assert content()["prompts"] == COUNT


def test_a_base_of_files_needs_files_of_controls(place, capsys):
    assert call(*FILES) == 0
    assert {name: one["computed"] for name, one in controls().items()} == {
        "echo": True, "cut": True, "brief": False, "long": False, "placebo": False,
    }  # fmt: skip
    assert controls()["brief"]["reason"] == (
        "the responses of base come from a file, and none is given with --controls brief=FILE"
    )
    assert controls()["long"]["reason"] == "it is not known how many responses of base were cut at the limit"
    assert call(*FILES, "--controls", "brief=other.jsonl", "long=good.jsonl", "--overwrite") == 0
    made = controls()
    assert list(made) == ["brief", "long"]
    assert (made["brief"]["how"], made["brief"]["mean_words"]) == ("responses of other.jsonl", 3.0)
    assert made["long"]["difference"]["bleu"]["value"] == 0.0
    assert made["brief"]["difference"]["bleu"]["low"] > 0
    others = [{"id": "of another pool", "response": "y"}]
    write(place / "other.jsonl", [{"id": row["id"], "response": "x"} for row in pool_rows(COUNT)] + others)
    assert call(*FILES, "--controls", "brief=other.jsonl", "long=good.jsonl") == 2  # another file, another evaluation
    assert f"other.jsonl: responses to other prompts, left out: 1 of {COUNT + 1}" in capsys.readouterr().err


def test_a_canned_base_is_not_asked_what_its_file_cannot_know(place):
    engine = ["--engine", "canned", "--answers", "base.jsonl"]
    assert call("--models", "base=m", "good=good.jsonl", *engine, "--controls", "brief") == 0
    assert "come from a file" in controls()["brief"]["reason"]


def test_no_controls_if_none_are_wanted_or_nothing_is_compared(place):
    assert call(*FILES, "--controls", "none") == 0
    assert content()["controls"] == []
    assert "controls" not in answers()[0]
    assert call(*FILES[:2], "--overwrite") == 0
    assert content()["controls"] == content()["gain"] == []
    assert content()["primary"] is None


def test_a_placebo_is_compared_with_every_other_group_and_comes_last_as_a_question(place):
    models = ["--models", "base=base.jsonl", "shuffled=other.jsonl", "good=good.jsonl"]
    assert call(*models, "--placebo", "shuffled", "--controls", "none") == 0
    (placebo,) = content()["controls"]
    assert (placebo["name"], placebo["base"], placebo["other"]) == ("placebo", "shuffled", "good")
    by_pair = {(one["base"], one["other"]): one["difference"] for one in content()["comparisons"]}
    assert placebo["difference"] == by_pair["shuffled", "good"]
    assert content()["primary"] == {"other": "good", "base": "base", "metric": "bleu", "declared": False}
    assert [group["placebo"] for group in content()["groups"]] == [False, True, False]


@pytest.mark.parametrize(
    ("trained_on", "families", "untrained"),
    [
        ([], ["overlap"], ["meteor"]),
        (["--trained_on", "rm", "meteor"], ["model", "stems"], ["bleu", "rouge"]),
        (["--trained_on", "bleu_rm", "meteor"], ["overlap+model", "stems"], []),
    ],
)
def test_scores_that_nobody_was_trained_on(place, trained_on, families, untrained):
    assert call(*FILES, *trained_on) == 0
    assert content()["untrained"] == untrained
    assert content()["groups"][1]["trained_on"] == families
    assert any("so a gain shows that training worked" in text for text in content()["warnings"]) == (not untrained)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--controls", "lengthy"], "--controls got 'lengthy'."),
        (["--controls", "none", "echo"], "--controls got 'none'."),
        (["--controls", "echo", "echo"], "--controls got 'echo'."),
        (["--controls", "echo=base.jsonl"], "--controls got 'echo=base.jsonl'."),
        (["--controls", "brief="], "--controls got 'brief='."),
        (["--controls", "brief=gone.jsonl"], "File gone.jsonl does not exist."),
        (["--placebo", "base"], "--placebo names base, which is not one of the groups to choose from."),
        (["--untrained", "nobody"], "--untrained names nobody, which is not one of the groups to choose from."),
        (["--primary", "good"], "--primary got 'good'."),
        (["--primary", "good:good"], "--primary got 'good:good'."),
        (["--primary", "good:bose"], "The primary comparison good:bose is not a pair of two of the groups."),
        (["--primary", "good:base:facts"], "--primary has the metric facts, which is not computed."),
    ],
)
def test_bad_words(place, capsys, words, what):
    assert call(*FILES, *words) == 2
    assert what in capsys.readouterr().err
    assert not Path("out").exists()
