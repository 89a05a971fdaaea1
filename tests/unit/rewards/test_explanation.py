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
from bleuberi.rewards import Bleu
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
        (["--file", str(path)], "lacks a response or references; it has: id, text"),
        (["--file", str(path), "--id", "9"], "No row with the id 9"),
        (["--file", str(tmp_path / "none")], "could not be read"),
    ]:
        with pytest.raises(UserError, match=what):
            main(flags)
