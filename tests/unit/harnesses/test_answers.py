"""Answer files for other harnesses, from made questions (real ones need the hub)."""

import json
import sys

import pytest

from bleuberi.cli import benchmark
from bleuberi.cli.parser import run
from bleuberi.harnesses.formats import HARNESSES
from bleuberi.harnesses.style import style_of
from tests.unit.generation.chat_server import ChatServer
from tests.unit.harnesses.made_files import jsonl

QUESTIONS = {
    "mt_bench": [
        {"question_id": 81, "category": "writing", "turns": ["Write.", "Again, shorter."]},
        {"question_id": 111, "category": "math", "turns": ["1 + 1?", "And 2 + 2?"]},
    ],
    "arena_hard_v1": [{"question_id": "ab", "category": "c", "cluster": "x", "turns": [{"content": "Why?"}]}],
    "arena_hard_v2": [{"uid": "u1", "category": "hard_prompt", "subcategory": "s", "prompt": "Why?"}],
    "wildbench": [
        {
            "session_id": "s1",
            "conversation_input": [
                {"role": "user", "content": "Hi", "toxic": False},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": "Why?"},
            ],
        }
    ],
    "alpaca_eval": [{"instruction": "Why?", "dataset": "helpful_base", "output": "o", "generator": "davinci"}],
}

NO_STYLE = {
    "header_count": dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), 0),
    "list_count": {"ordered": 0, "unordered": 0},
    "bold_count": {"**": 0, "__": 0},
}


@pytest.fixture
def written(tmp_path):
    """Writes one harness's answers; gives them with the server's bodies and the output folder."""

    def write(harness, misbehave=lambda prompt, attempt: None, *more):
        questions = jsonl(tmp_path / "question.jsonl", QUESTIONS[harness])
        with ChatServer(misbehave) as server:
            words = ["--harness", harness, "--questions", str(questions), "--models", "mine=served"]
            words += ["--engine", "openai", "--base_url", server.url, "--output_dir", str(tmp_path / "out"), *more]
            assert run(benchmark.answers, words) == 0
            path = tmp_path / "out" / HARNESSES[harness].answer_file.format(model="mine")
            text = path.read_text()
            rows = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
            return rows, server.bodies, tmp_path / "out"

    return write


def test_mt_bench_asks_the_second_turn_behind_the_first_answer(written):
    rows, bodies, out = written("mt_bench")
    assert [row["question_id"] for row in rows] == [81, 111]
    assert set(rows[0]) == {"question_id", "answer_id", "model_id", "choices", "tstamp"}
    assert rows[0]["model_id"] == "mine"
    assert rows[0]["choices"] == [{"index": 0, "turns": ["echo Write.", "echo Again, shorter."]}]
    asked = {body["messages"][-1]["content"]: body for body in bodies}
    assert [turn["content"] for turn in asked["And 2 + 2?"]["messages"]] == ["1 + 1?", "echo 1 + 1?", "And 2 + 2?"]
    assert (asked["Write."]["temperature"], asked["1 + 1?"]["temperature"]) == (0.7, 0.0)
    assert asked["Write."]["max_tokens"] == 1024
    manifest = json.loads((out / "manifest.json").read_text())
    assert "fschat" in manifest["format"]
    assert list(manifest["files_sha256"]) == ["mt_bench/model_answer/mine.jsonl"]


def test_greedy_answers_and_a_turn_without_an_answer(written):
    def refuse(prompt, attempt):
        too_long = (400, json.dumps({"error": {"message": "maximum context length is 8"}}))
        return too_long if prompt == "Write." else None

    rows, bodies, out = written("mt_bench", refuse, "--greedy")
    assert rows[0]["choices"][0]["turns"] == ["", ""]
    assert {body["temperature"] for body in bodies} == {0.0}
    assert not any(body["messages"][-1]["content"] == "Again, shorter." for body in bodies)
    assert json.loads((out / "manifest.json").read_text())["empty_turns"] == {"mine": 2}


def test_arena_hard(written):
    (row,), _, _ = written("arena_hard_v1")
    assert row["choices"][0]["turns"] == [{"content": "echo Why?", "token_len": 2}]
    assert row["conv_metadata"] == {"token_len": 2, **NO_STYLE}
    (row,), _, out = written("arena_hard_v2")
    assert row["metadata"] == {"token_len": 2, **NO_STYLE}
    assert list(row["metadata"]) == ["token_len", "header_count", "list_count", "bold_count"], "it goes by the order"
    assert (row["uid"], row["model"]) == ("u1", "mine")
    assert row["messages"] == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": {"answer": "echo Why?"}},
    ]
    assert json.loads((out / "manifest.json").read_text())["format"].startswith("unverified")


@pytest.mark.parametrize("harness", ["arena_hard_v1", "arena_hard_v2"])
def test_whose_tokens_are_counted_is_said_if_they_are_not_the_harnesss(written, harness, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "nothing"))
    _, _, out = written(harness)
    best = "cl100k_base" if harness == "arena_hard_v1" else "o200k_base"
    assert f"counts an answer's tokens with tiktoken's {best}, which is not cached here" in capsys.readouterr().err
    assert json.loads((out / "manifest.json").read_text())["token_len_counts"] == "the model's own tokens"


def test_the_harnesss_tokens_are_counted_if_tiktoken_has_them(written, capsys, monkeypatch, tmp_path):
    """With a stand-in for tiktoken, whose encodings are a download; the file that it looks for is made."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/9b5ad71b2ce5302211f9c61530b329a4922fc6a4").write_text("cl100k_base, by its address' SHA-1")
    (tmp_path / "tiktoken.py").write_text(
        "class Encoding:\n    def encode(self, text, disallowed_special):\n        return list(text)\n"
        "def get_encoding(name):\n    assert name == 'cl100k_base'\n    return Encoding()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    (row,), _, out = written("arena_hard_v1")
    assert row["conv_metadata"]["token_len"] == row["choices"][0]["turns"][0]["token_len"] == len("echo Why?")
    assert json.loads((out / "manifest.json").read_text())["token_len_counts"] == "tiktoken's cl100k_base"
    assert "not cached" not in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "tiktoken")


def test_markdown_is_counted_as_arena_hard_counts_it():
    text = (
        "# One\n## Two\n###### Six\n#none\n1. first\n  2. second\n- a\n* b\n+ c\n-none\n**bold** and __bold__ **two "
        "lines\n** ** x**\n```python\n# code\n- code\n**code**\n```\n"
    )
    assert style_of(text, 7) == {
        "token_len": 7,
        "header_count": {"h1": 1, "h2": 1, "h3": 0, "h4": 0, "h5": 0, "h6": 1},
        "list_count": {"ordered": 2, "unordered": 3},
        "bold_count": {"**": 2, "__": 1},
    }


def test_wildbench_and_alpaca_eval(written):
    (row,), bodies, _ = written("wildbench")
    assert (row["session_id"], row["generator"], row["output"]) == ("s1", "mine", ["echo Why?"])
    assert row["chat_history"] == ["Hi", "Hello", "Why?"]
    assert len(bodies[0]["messages"]) == 3
    (row,), _, _ = written("alpaca_eval")
    assert row == {"dataset": "helpful_base", "instruction": "Why?", "output": "echo Why?", "generator": "mine"}


@pytest.mark.parametrize("harness", QUESTIONS)
def test_questions_of_another_harness_are_refused(tmp_path, harness, capsys):
    questions = jsonl(tmp_path / "q.jsonl", [{"something": 1}])
    words = ["--harness", harness, "--questions", str(questions), "--models", "mine=served", "--engine", "openai"]
    words += ["--base_url", "http://127.0.0.1:9/v1", "--output_dir", str(tmp_path / "out")]
    assert run(benchmark.answers, words) == 2
    assert "q.jsonl, line 1 has no" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-5"])
def test_answers_of_no_token_are_refused(tmp_path, limit, capsys):
    questions = jsonl(tmp_path / "q.jsonl", [{"question_id": 1, "turns": ["Hi"], "category": "math"}])
    words = ["--harness", "mt_bench", "--questions", str(questions), "--models", "mine=served", "--engine", "openai"]
    words += ["--base_url", "http://127.0.0.1:9/v1", "--output_dir", str(tmp_path / "out"), "--max_new_tokens", limit]
    assert run(benchmark.answers, words) == 2
    assert f"max_new_tokens must be at least 1 (got {limit})." in capsys.readouterr().err


def test_an_answer_that_could_not_be_given_leaves_the_tables_of_arena_hard_whole():
    """The harness divides counts by tokens, and standardises over all models: one NaN would be in all."""
    assert style_of("", 0) == {"token_len": 1, **NO_STYLE}
