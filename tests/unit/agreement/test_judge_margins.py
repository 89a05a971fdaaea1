"""A judge where a reward is unsure, against a real server: what is asked, what it costs and what it brings."""

import json
import re

import pytest

from bleuberi.cli.agreement import main
from bleuberi.errors import UserError
from tests.unit.generation.chat_server import ChatServer

PAIRS = 20


def rows():
    """Half of the pairs are plain for BLEU; in the others both responses have as many of the reference's words, and
    the reward prefers the wrong one by a little."""
    made = []
    for n in range(PAIRS):
        reference = f"The cat number {n} sat on the mat all day long."
        right, wrong = reference.replace(" long", ""), "Nothing of the kind."
        if n % 2:
            right, wrong = f"right {n}: the cat sat here", f"The cat number {n}: the dog sat here"
        pair = {"id": str(n), "prompt": f"Where is cat {n}?", "reference": reference}
        first = n % 4 < 2
        made.append({**pair, "response_a": right if first else wrong, "response_b": wrong if first else right,
                     "winner": "a" if first else "b"})  # fmt: skip
    return made


def answers(body):
    text = body["messages"][-1]["content"]
    return re.search(r"answer A\n(.*?)\n>>>.*answer B\n(.*?)\n>>>", text, re.DOTALL).groups()


def fair(body):
    return f"VERDICT: {'A' if answers(body)[0].startswith('right') else 'B'}"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return path


def run(pairs, server, *words, folder="out"):
    output = pairs.parent / folder
    given = ["--preferences", str(pairs), "--rewards", "bleu", "--output_dir", str(output), "--resamples", "50",
             "--no_figures", "--judge", "small", "--judge_url", server.url, "--judge_share", "0.5"]  # fmt: skip
    assert main([*given, *words]) == 0
    return json.loads((output / "agreement.json").read_text()), (output / "agreement.md").read_text()


def test_the_judge_is_asked_about_the_smallest_margins_alone_and_mends_them(pairs, capsys):
    with ChatServer(speak=fair) as server:
        result, tables = run(pairs, server)
        asked = len(server.bodies)
        assert asked == PAIRS  # half of the pairs, both orders
        assert all("right" in "".join(answers(body)) for body in server.bodies)
        assert not any("reference" in body["messages"][-1]["content"] for body in server.bodies)
        again, _ = run(pairs, server, "--overwrite")
        assert len(server.bodies) == asked  # cached
    judged = result["judge"]
    assert again["judge"] == judged
    assert judged["curve"][0]["value"] == 0.5
    assert judged["curve"][-1]["value"] == 1.0
    assert [one["questions"] for one in judged["curve"]] == list(range(0, PAIRS + 1, 2))
    values = [one["value"] for one in judged["curve"]]
    assert values == sorted(values)
    assert judged["on_asked"] == {"reward": 0.0, "judge": 1.0}
    assert (judged["counts"]["a"], judged["counts"]["b"]) == (5, 5)
    assert "with 20 questions on the 10 pairs of smallest margin, agreement goes from 50.0%" in result["judge_sentence"]
    assert "cost against agreement" in tables
    assert "with 20 questions" in capsys.readouterr().out.replace("\n", " ")


def test_the_judge_sees_the_references_if_asked(pairs):
    with ChatServer(speak=fair) as server:
        result, _ = run(pairs, server, "--judge_references")
        assert all("<<< reference 1\nThe cat number" in body["messages"][-1]["content"] for body in server.bodies)
    assert "references:shown" in result["judge"]["signature"]


def test_a_judge_that_fails_or_contradicts_itself_decides_nothing(pairs):
    with ChatServer(speak=lambda body: "VERDICT: A") as server:
        result, _ = run(pairs, server, folder="biased")
    assert result["judge"]["counts"]["inconsistent"] == 10
    assert result["judge"]["curve"][-1]["value"] == 0.5
    with ChatServer(speak=lambda body: "I like both.") as server:
        result, _ = run(pairs, server, folder="vague")
    assert result["judge"]["counts"]["unparsable"] == 10
    assert result["judge"]["curve"][-1]["value"] == result["judge"]["curve"][0]["value"]


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--judge", "m", "--judge_share", "0"], "--judge_share is 0"),
     (["--judge_references"], "has no effect without --judge"), (["--judge", " "], "--judge is empty")],
)  # fmt: skip
def test_judge_flags_that_cannot_work_are_refused(pairs, words, message):
    with pytest.raises(UserError, match=message):
        main(["--preferences", str(pairs), "--output_dir", str(pairs.parent / "x"), "--no_figures", *words])
