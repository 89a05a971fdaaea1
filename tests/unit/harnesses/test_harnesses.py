"""Answer files for other harnesses, and their result files, on made files (real ones need the hub)."""

import json
import sys

import pytest

from bleuberi.cli import benchmark
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from bleuberi.harnesses.formats import HARNESSES
from bleuberi.harnesses.results import read_harness_results
from bleuberi.harnesses.style import style_of
from tests.unit.generation.chat_server import ChatServer

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


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


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


def only(content, measure):
    return next(score for score in content["scores"] if score["measure"] == measure)


def test_mt_bench_grades_and_games(tmp_path):
    grades = [
        {"question_id": number, "model": "mine", "judge": ["gpt-4", "single-v1"], "score": score, "turn": turn}
        for number, turn, score in [(81, 1, 8), (81, 2, 6), (82, 1, 9), (82, 2, -1), (83, 1, 7)]
    ]
    content = read_harness_results("mt_bench", [jsonl(tmp_path / "single.jsonl", grades)])
    mean = only(content, "mean grade")
    assert (mean["score"], mean["n"], mean["n_clusters"]) == (7.5, 4, 3)
    assert mean["low"] < 7.5 < mean["high"]
    assert only(content, "grade of turn 2")["score"] == 6
    assert any("1 judgments had no usable verdict" in said for said in content["warnings"])
    games = [
        {"question_id": number, "model_1": "mine", "model_2": "theirs", "g1_winner": first, "g2_winner": second}
        for number, first, second in [
            (1, "model_1", "model_1"), (2, "model_1", "model_2"), (3, "tie", "tie"), (4, "model_2", "model_2"),
            (5, "model_1", "model_1"), (6, "error", "model_1"),
        ]
    ]  # fmt: skip
    content = read_harness_results("mt_bench", [jsonl(tmp_path / "pair.jsonl", games)])
    assert content["scores"][0]["score"] == 100 * 3 / 5


@pytest.mark.parametrize(("harness", "key"), [("arena_hard_v1", "question_id"), ("arena_hard_v2", "uid")])
def test_arena_hard_judgments(tmp_path, harness, key):
    rows = [
        {key: "a", "model": "mine", "judge": "j", "games": [{"score": "B>>A"}, {"score": "A>B"}]},
        {key: "b", "model": "mine", "judge": "j", "games": [{"score": "A>B"}, {"score": "A=B"}]},
        {key: "c", "model": "mine", "judge": "j", "games": [{"score": None}, {"score": "A>B"}]},
    ]
    content = read_harness_results(harness, [jsonl(tmp_path / "mine.jsonl", rows)])
    # Question a: won clearly (counts threefold) and won; question b: lost and tied.
    assert content["scores"][0]["score"] == pytest.approx(100 * (3 + 1 + 0 + 0.5) / 6)
    assert content["scores"][0]["n_clusters"] == 2
    assert content["verified"] is False
    assert any("tested on made files only" in said for said in content["warnings"])


@pytest.mark.parametrize(("label", "worth"), [("B<A", 1), ("B<<A", 1), ("A>B", 1), ("A<B", 0), ("B>>A", 0)])
def test_arena_hards_labels_in_either_direction(tmp_path, label, worth):
    """The model is B in the first game, and A in the second."""
    won = {"uid": "a", "model": "mine", "games": [{"score": "A<<B"}, {"score": label}]}
    score = read_harness_results("arena_hard_v2", [jsonl(tmp_path / "x.jsonl", [won])])["scores"][0]["score"]
    times = 3 if len(label) == 4 else 1
    assert score == pytest.approx(100 * (3 + worth * times) / (3 + times))


def test_an_answer_that_could_not_be_given_leaves_the_tables_of_arena_hard_whole():
    """The harness divides counts by tokens, and standardises over all models: one NaN would be in all."""
    assert style_of("", 0) == {"token_len": 1, **NO_STYLE}


WILDBENCH_TAGS = [
    {"id": "a", "session_id": "of the chat", "primary_tag": "Math", "secondary_tags": ["Data Analysis", "Planning"]},
    {"session_id": "b", "primary_tag": "Role playing", "secondary_tags": []},
    {"session_id": "c", "primary_tag": "Coding & Debugging", "secondary_tags": ["Others"]},
    {"session_id": "d", "primary_tag": "Coding & Debugging", "secondary_tags": []},
]


@pytest.mark.parametrize("merged", [True, False])
def test_wildbench_task_macro_score_from_merged_and_from_one_shard_files(tmp_path, merged):
    grades = {"a": "8", "b": "6", "c": "3", "d": "9"}
    answers = {"a": "Sure.", "b": "Hm.", "c": "No.", "d": "Long... (truncated)"}
    rows = [
        {"session_id": session, "model_test": "mine", "score": grade, "model_output": answers[session]}
        if merged
        else {"session_id": session, "generator": "mine", "parsed_result": {"score": grade, "strengths": "s"},
              "model_output": [answers[session]], "result": "{}"}
        for session, grade in grades.items()
    ]  # fmt: skip
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(rows))
    questions = jsonl(tmp_path / "questions.jsonl", WILDBENCH_TAGS)
    content = read_harness_results("wildbench", [path], questions)
    assert only(content, "WB-Score")["score"] == pytest.approx(2 * ((8 + 6 + 3 + 9) / 4 - 5))
    creative, math = (2 + -4) / 2, 6  # b and c (Others is creative); a once, though two of its tags are Math's
    assert only(content, "WB-Score, Creative Tasks")["score"] == pytest.approx(creative)
    assert only(content, "WB-Score, Coding & Debugging")["score"] == pytest.approx(-4), "d's answer was cut"
    # Planning has a alone too; no question seeks information, and that task counts 0 with its weight.
    expected = (0.5 * creative + 1.25 * 6 + 1.0 * math + 0.75 * 0 + 1.25 * -4) / 4.75
    macro = only(content, "task-macro WB-Score")
    assert macro["score"] == pytest.approx(expected)
    assert macro["low"] <= expected <= macro["high"]
    assert (macro["n"], macro["n_clusters"]) == (3, 3)
    assert not any("plain mean" in said for said in content["warnings"])


def test_wildbench_without_tags_or_with_those_of_other_questions(tmp_path, capsys):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([{"session_id": "z", "generator": "mine", "score": 5}]))
    words = ["--harness", "wildbench", str(path)]
    assert run(benchmark.scores, words) == 0
    assert "for the task-macro score of WildBench's leaderboard add --questions FILE" in capsys.readouterr().out
    questions = str(jsonl(tmp_path / "q.jsonl", WILDBENCH_TAGS))
    assert run(benchmark.scores, [*words, "--questions", questions]) == 2
    assert "--questions has no session z." in capsys.readouterr().err
    assert run(benchmark.scores, [*words, "--questions", str(jsonl(tmp_path / "r.jsonl", [{"session_id": "z"}]))]) == 2
    assert "has no session_id, primary_tag or secondary_tags" in capsys.readouterr().err
    assert run(benchmark.scores, ["--harness", "mt_bench", str(path), "--questions", questions]) == 2


def test_wildbench_scores(tmp_path, capsys):
    rows = [
        {"session_id": str(number), "generator": "mine", "score": score}
        for number, score in enumerate(["7", 9, "none", 5])
    ]
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(rows))
    assert run(benchmark.scores, ["--harness", "wildbench", str(path), "--output_dir", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out/benchmark.json").read_text())
    assert content["scores"][0]["score"] == pytest.approx(4.0)
    assert "WB-Score" in capsys.readouterr().out


def test_an_alpaca_eval_leaderboard(tmp_path):
    path = tmp_path / "leaderboard.csv"
    path.write_text(
        ",win_rate,standard_error,n_wins,n_wins_base,n_draws,n_total,discrete_win_rate,mode,avg_length,"
        "length_controlled_winrate,lc_standard_error\nmine,12.5,1.0,100,705,0,805,12.4,community,900,15.25,0.5\n"
    )
    content = read_harness_results("alpaca_eval", [path])
    assert content["verified"] is True
    assert only(content, "win_rate")["score"] == 12.5
    controlled = only(content, "length_controlled_winrate")
    assert (controlled["low"], controlled["high"]) == (pytest.approx(14.27), pytest.approx(16.23))


def test_files_that_are_none_of_the_harness(tmp_path):
    path = jsonl(tmp_path / "x.jsonl", [{"a": 1}])
    for harness in HARNESSES:
        with pytest.raises(UserError, match="has no"):
            read_harness_results(harness, [path])
    grades = [{"question_id": 1, "model": "m", "score": float("nan")}]
    with pytest.raises(UserError, match="has no number in `score`"):
        read_harness_results("mt_bench", [jsonl(tmp_path / "nan.jsonl", grades)])
    with pytest.raises(UserError, match="Unknown harness 'mmlu'"):
        read_harness_results("mmlu", [path])
