"""`bleuberi explain`: its numbers are the reward's, and its screen says them."""

import json
import os
import subprocess
import sys

import pytest
from breaking_texts import TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from bleuberi.cli.explain import main
from bleuberi.errors import UserError
from bleuberi.rewards import Bleu, load_reward
from bleuberi.rewards.explanation import explain


def bleu(response, references):
    return Bleu()(responses=[response], references=[references])[0]


@given(TEXTS, st.lists(TEXTS, max_size=3))
@settings(max_examples=200, deadline=None)
def test_the_score_is_the_rewards_and_the_parts_make_it(response, references):
    found = explain(response, references)
    expected = bleu(response, references)
    assert found.score == (None if expected is None else pytest.approx(expected, abs=1e-12))
    if expected:
        product = found.brevity_penalty
        for order in found.orders:
            product *= order.precision**0.25
        assert product == pytest.approx(expected, abs=1e-12)
        assert found.score_without_smoothing <= found.score + 1e-12
    assert len(found.depth) == len(found.tokens)


def test_matches_are_found_where_they_are():
    found = explain("a b c d x a y", ["a b c d", "y z", ""])
    assert found.depth == (4, 4, 4, 4, 0, 0, 1)
    assert [(order.candidates, order.matched) for order in found.orders] == [(7, 5), (6, 3), (5, 2), (4, 1)]
    assert [reference.matched_by_order for reference in found.references] == [(4, 3, 2, 1), (1, 0, 0, 0)]
    assert [reference.only_here for reference in found.references] == [10, 1]
    assert (found.reference_tokens, found.brevity_penalty) == (2, 1.0)


def test_fifty_tokens_more_or_fewer_are_what_bleu_gives_for_such_a_text():
    words = [f"w{n}" for n in range(80)]
    response, references = " ".join(words), [" ".join(words[:60])]
    found = explain(response, references)
    assert found.score_with_fewer == pytest.approx(bleu(" ".join(words[:30]), references))
    unmatched = " ".join(f"u{n}" for n in range(50))
    assert found.score_with_more == pytest.approx(bleu(f"{response} {unmatched}", references))


def test_the_screen_says_score_parts_and_references(capsys):
    assert main(["--prompt", "Say it.", "--response", "the cat sat [here]", "--reference", "the cat sat down"]) == 0
    screen = capsys.readouterr().out
    expected = bleu("the cat sat [here]", ["the cat sat down"])
    for part in ["Say it.", f"BLEU    {expected:.4f}", "the cat sat [ here ]", "brevity", "smoothing", "50 more",
                 "the cat sat down", "ref:shortest"]:  # fmt: skip
        assert part in screen


def test_colours_on_a_terminal():
    code = "import sys; from bleuberi.cli.explain import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "--response", "the cat sat on it", "--reference", "the cat sat on"],
        capture_output=True, text=True, env={**os.environ, "FORCE_COLOR": "1"}, check=True,
    )  # fmt: skip
    assert "\x1b[1;32mthe " in done.stdout


def test_rows_of_a_file_and_json(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    rows = [{"id": 1, "output": "x", "references": ["y"]}, {"id": 2, "response": "the cat", "references": ["the cat"]}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert main(["--file", str(path), "--id", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(1.0)
    (tmp_path / "r.txt").write_text("a text")
    assert main(["--response", f"@{tmp_path / 'r.txt'}", "--reference", "a \ud800 text", "--reference", ""]) == 0
    assert main(["--response", "a", "--reference", ""]) == 0
    assert "no score" in capsys.readouterr().out


def test_mistakes_are_told(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "text": "x"}\n')
    for flags, what in [
        (["--response", "a"], "reference are needed"),
        (["--response", "@nowhere", "--reference", "a"], "nowhere"),
        (["--file", str(path)], "has no response or no references. Its columns: id, text"),
        (["--file", str(path), "--id", "9"], "No row with the id 9"),
        (["--file", str(tmp_path / "none")], r"File or folder .*/none does not exist\."),
    ]:
        with pytest.raises(UserError, match=what):
            main(flags)


TWO_TEXTS = ["--response", "The cats sat on mats", "--reference", "a cat sat on the mat", "--reference", "dogs ran"]


@pytest.mark.parametrize("name", ["meteor", "meteor:mean", "meteor:auto", "chrf", "chrf++", "chrf:mean", "rouge:stem",
                                  "bleu:auto", "bleu_closest", "answer:meteor", "bleu_rouge_f1"])  # fmt: skip
def test_every_reward_is_explained_with_its_own_number(name, capsys):
    reward = load_reward(name)
    response, references = "The cats sat on mats 日本", ["a cat sat on the mat 日本語", "dogs ran", ""]
    (expected,) = reward(responses=[f"<answer>{response}" if "answer" in name else response], references=[references])
    flags = ["--reward", name, "--response", response]
    for text in references:
        flags += ["--reference", text]
    assert main([*flags, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(expected, abs=1e-12)
    assert main(flags) == 0
    screen = "".join(capsys.readouterr().out.split())
    assert f"{expected:.4f}" in screen
    assert reward.signature() in screen


def test_the_alignment_of_meteor(capsys):
    assert main(["--reward", "meteor", *TWO_TEXTS, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    first = found["references"][0]
    # The cats sat on mats; a cat sat on the mat: sat on | the | cats | mats
    assert first["matches"] == [[0, 4, True], [1, 1, False], [2, 2, True], [3, 3, True], [4, 5, False]]
    assert (first["chunks"], first["precision"], first["recall"]) == (3, 1.0, pytest.approx(5 / 6))
    assert first["penalty"] == pytest.approx(0.5 * (3 / 5) ** 3)
    assert main(["--reward", "meteor", *TWO_TEXTS]) == 0
    screen = capsys.readouterr().out
    for part in ["cats sat on", "cat sat on", "by stem", "chunks", "0.108"]:
        assert part in screen


def test_the_parts_of_chrf(capsys):
    assert main(["--reward", "chrf++", "--response", "ab ab", "--reference", "ab abc", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = [
        [row["unit"], row["order"], row["own"], row["other"], row["matched"]]
        for row in found["references"][0]["orders"]
    ]
    assert rows == [
        ["characters", 1, 4, 5, 4], ["characters", 2, 3, 4, 3], ["characters", 3, 2, 3, 2], ["characters", 4, 1, 2, 1],
        ["characters", 5, 0, 1, 0], ["characters", 6, 0, 0, 0], ["words", 1, 2, 2, 1], ["words", 2, 1, 1, 0],
    ]  # fmt: skip
    assert main(["--reward", "chrf++", "--response", "ab ab", "--reference", "ab abc"]) == 0
    assert "mean precision" in capsys.readouterr().out
    assert main(["--reward", "chrf", "--response", "a", "--reference", " "]) == 0
    assert "no score" in capsys.readouterr().out
