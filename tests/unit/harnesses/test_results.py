"""Result files of other harnesses are read, on made files (real ones need the hub)."""

import json

import pytest

from bleuberi.cli import benchmark
from bleuberi.cli.parser import run
from bleuberi.errors import UserError
from bleuberi.harnesses.formats import HARNESSES
from bleuberi.harnesses.results import read_harness_results
from tests.unit.harnesses.made_files import jsonl


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
