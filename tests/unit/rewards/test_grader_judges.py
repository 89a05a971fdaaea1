"""`score_model`: a grader that asks a language model, against a real server."""

import pytest
from tests.unit.generation.chat_server import ChatServer, raw_server
from tests.unit.rewards.test_graders import OUTPUT, REFERENCE, reward

from bleuberi.errors import UserError
from bleuberi.rewards.graders.model import read_number


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where scores of judges are kept."""
    monkeypatch.setenv("BLEUBERI_CACHE", str(tmp_path / "cache"))


JUDGE = {
    "type": "score_model",
    "name": "judge",
    "model": "small",
    "range": [0, 10],
    "input": [
        {"role": "developer", "content": "Grade."},
        {"role": "user", "content": f"Reference: {REFERENCE}\nAnswer: {OUTPUT}"},
    ],
    "sampling_params": {"seed": 3, "max_completions_tokens": 64},
}


def test_a_judge_scores_and_what_it_does_not_say_is_no_score(tmp_path):
    says = {
        "Paris": "Right.\nSCORE: 9.5",
        "Rome": '{"result": 2}',
        "odd": "I like it",
        "over": "11",
        "thinks": "<think>7</think>3",
    }

    def speak(body):
        text = body["messages"][-1]["content"]
        return next(reply for answer, reply in says.items() if f"Answer: {answer}" in text)

    with ChatServer(speak=speak) as server:
        grader = reward(tmp_path, {**JUDGE, "base_url": server.url})
        rows = {"responses": [*says, "Paris"], "references": [["Paris"]] * 6}
        assert grader(**rows) == [9.5, 2.0, None, None, 3.0, 9.5]
        assert len(server.bodies) == 5  # equal questions are asked once
        body = server.bodies[0]
        assert (body["model"], body["seed"], body["max_tokens"], body["temperature"]) == ("small", 3, 64, 0.0)
        assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
        assert server.url not in grader.signature()
        assert "range:0..10" in grader.signature()
        assert grader(**rows) == [9.5, 2.0, None, None, 3.0, 9.5]
        assert len(server.bodies) == 5  # kept


def test_the_best_over_references_is_no_score_if_one_of_them_has_none(tmp_path):
    """The best of the others could be less than the best of all; `max(0, no score)` of a formula is not 0."""

    def refuse(prompt, attempt):
        return (400, "no") if "bad" in prompt else None

    def speak(body):
        return "odd" if "vague" in body["messages"][-1]["content"] else "5"

    for bad in ("bad", "vague"):
        with ChatServer(refuse, speak) as server:
            judge = {**JUDGE, "base_url": server.url}
            multi = {"type": "multi", "name": "m", "graders": {"j": judge}, "calculate_output": "max(0, j)"}
            for grader in (judge, multi):
                found = reward(tmp_path, grader)(responses=["a", "a", "a"], references=[["r"], ["r", bad], [bad, "r"]])
                assert found == [5.0, None, None]


def test_a_judge_that_fails_gives_no_number(tmp_path):
    with ChatServer(misbehave=lambda prompt, attempt: (400, "no") if "Answer: bad" in prompt else None,
                    speak=lambda body: "5") as server:  # fmt: skip
        grader = reward(tmp_path, {**JUDGE, "base_url": server.url})
        assert grader(responses=["good", "bad"], references=[["r"], ["r"]]) == [5.0, None]
    with raw_server(lambda handler: (handler.send_response(401), handler.end_headers())) as server:
        grader = reward(tmp_path, {**JUDGE, "base_url": server.url})
        with pytest.raises(UserError, match="refused: HTTP 401"):
            grader(responses=["good"], references=[["r"]])


def test_the_hosted_server_needs_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UserError, match="needs a key"):
        reward(tmp_path, JUDGE)(responses=["a"], references=[["r"]])


@pytest.mark.parametrize(
    ("reply", "number"),
    [("7", 7), ("**Score: 7/10**", None), ("Score: 0.5", 0.5), ("x\n**8**\n", 8), ("<think>so\n7", None),
     ("so</think>\n7", 7), ("-1", -1), ("7 or 8", None), ('{"score": 1}', 1), ('{"score": true}', None),
     ('{"result": 1e999}', None), ("", None), ("score is 7!", None),
     ("<thinking>2</thinking>\n7", 7), ("<THINK>2</THINK>\n7", 7), (f'{{"score": {10**400}}}', None)],
)  # fmt: skip
def test_numbers_of_replies(reply, number):
    assert read_number(reply) == number
