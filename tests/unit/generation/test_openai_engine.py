"""The openai engine against a real server on this machine that fails in every way a server can."""

import json
import math
import time

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Output, Sampling
from bleuberi.generation.cached import CachedEngine
from bleuberi.generation.model_identity import ModelIdentity
from bleuberi.generation.openai_engine import MOST_TRIES, OpenAIEngine
from bleuberi.records import Conversation, Message
from bleuberi.web.patience import asked_delay_seconds, delay_seconds
from tests.unit.generation.chat_server import ChatServer

SAMPLING = Sampling(max_new_tokens=64)


def reasons(outputs):
    return [output.finish_reason for output in outputs.values()]


def conversations(count):
    return [Conversation(f"row{number}", [Message(role="user", content=f"p{number}")]) for number in range(count)]


def make_engine(server, folder, concurrency=8, timeout_seconds=20.0, **options):
    chosen = EngineOptions(base_url=server.url, concurrency=concurrency, timeout_seconds=timeout_seconds, **options)
    identity = ModelIdentity("strong", f"endpoint:{chosen.url}", "")
    return CachedEngine(identity, lambda: OpenAIEngine("strong", chosen, first_delay_seconds=0.01), folder)


def error(message, **more):
    return json.dumps({"error": {"message": message, **more}})


TROUBLES = [
    (429, error("slow down"), [("Retry-After", "0")]),
    (429, error("slow down"), [("retry-after-ms", "20")]),
    (429, error("slow down")),
    (500, "<html>oops</html>"),
    (503, error("overloaded"), [("Retry-After", "0.02")]),
    "hang",
    "close",
    "cut",
    None,
]


def test_every_row_arrives_once_through_all_troubles(tmp_path):
    def misbehave(prompt, attempt):
        kind = int(prompt[1:]) % len(TROUBLES)
        return TROUBLES[(kind + attempt) % len(TROUBLES)] if attempt < 3 else None

    with ChatServer(misbehave) as server:
        engine = make_engine(server, tmp_path, timeout_seconds=0.6)
        outputs = engine.answer(conversations(45), SAMPLING)
        assert {row: output.text for row, output in outputs.items()} == {f"row{n}": f"echo p{n}" for n in range(45)}
        assert engine.answered_now == 45
        asked = len(server.bodies)
        again = make_engine(server, tmp_path)
        assert again.answer(conversations(45), SAMPLING) == outputs
        assert len(server.bodies) == asked


def test_an_answer_carries_the_servers_model_and_the_day(tmp_path):
    with ChatServer() as server:
        output = make_engine(server, tmp_path).answer(conversations(1), SAMPLING)["row0"]
    assert output == Output("echo p0", "stop", 2, "strong-2025", time.strftime("%Y-%m-%d", time.gmtime()))


def test_concurrency_is_bounded_and_used(tmp_path):
    def slow(prompt, attempt):
        time.sleep(0.03)

    with ChatServer(slow) as server:
        make_engine(server, tmp_path, concurrency=5).answer(conversations(40), SAMPLING)
        assert 3 <= server.most_at_once <= 5


def test_all_wait_when_the_server_asks_for_a_pause(tmp_path):
    def misbehave(prompt, attempt):
        return (429, error("slow"), [("Retry-After", "0.5")]) if prompt == "p0" and attempt == 0 else None

    with ChatServer(misbehave) as server:
        make_engine(server, tmp_path, concurrency=1).answer(conversations(3), SAMPLING)
        assert server.times[1] - server.times[0] >= 0.5


@pytest.mark.parametrize("trouble", [(500, error("broken")), (200, "[" * 100_000), (200, "<html>")])
def test_a_row_on_which_the_server_always_fails_does_not_end_the_run(tmp_path, trouble, caplog):
    with ChatServer(lambda prompt, attempt: trouble if prompt == "p9" else None) as server:
        engine = make_engine(server, tmp_path, concurrency=3)
        outputs = engine.answer(conversations(20), SAMPLING)
        assert [row for row, output in outputs.items() if output.finish_reason == "no_answer"] == ["row9"]
        assert f"No answer in {MOST_TRIES} attempts" in caplog.text
        server.misbehave = lambda prompt, attempt: None
        again = make_engine(server, tmp_path)
        assert again.answer(conversations(20), SAMPLING)["row9"].text == "echo p9"
        assert again.answered_now == 1


def test_what_was_answered_is_kept_when_the_server_fails_for_good(tmp_path):
    def misbehave(prompt, attempt):
        return (500, error("broken")) if int(prompt[1:]) >= 9 else None

    with ChatServer(misbehave) as server:
        engine = make_engine(server, tmp_path, concurrency=3)
        with pytest.raises(UserError, match=rf"did not answer in {MOST_TRIES} attempts: HTTP 500: broken"):
            engine.answer(conversations(20), SAMPLING)
        kept = engine.answered_now
        assert kept >= 9
        server.misbehave = lambda prompt, attempt: None
        again = make_engine(server, tmp_path)
        assert len(again.answer(conversations(20), SAMPLING)) == 20
        assert again.answered_now == 20 - kept


def test_prompts_too_long_and_refusals_are_told_apart(tmp_path):
    replies = {
        "p0": (400, error("This model's maximum context length is 2048 tokens. However ...", code=400)),
        "p1": (400, error("too many tokens", code="context_length_exceeded")),
        "p2": (400, error("the request exceeds the available context size", type="exceed_context_size_error")),
        "p3": {"content": None, "refusal": "I cannot help with that."},
        "p4": {"content": "half", "finish_reason": "content_filter"},
        "p5": {"finish_reason": "length"},
        "p6": (400, error("blocked", code="content_filter")),
    }
    with ChatServer(lambda prompt, attempt: replies[prompt]) as server:
        outputs = make_engine(server, tmp_path).answer(conversations(7), SAMPLING)
    reasons = [outputs[f"row{number}"].finish_reason for number in range(7)]
    assert reasons == ["prompt_too_long"] * 3 + ["refused", "refused", "length", "refused"]
    assert outputs["row3"].text == "I cannot help with that."


def test_a_server_is_asked_in_its_own_words(tmp_path):
    def strict(prompt, attempt):
        body = server.bodies[-1]
        for name in ("top_k", "min_p", "repetition_penalty"):
            if name in body:
                return (400, error(f"Unrecognized request argument supplied: {name}"))
        if "max_tokens" in body:
            return (400, error("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."))
        return None

    with ChatServer(strict) as server:
        make_engine(server, tmp_path, concurrency=1).answer(conversations(4), SAMPLING)
        body = server.bodies[-1]
    assert body["max_completion_tokens"] == 64
    assert (body["temperature"], body["top_p"]) == (0.7, 0.9)
    assert not {"top_k", "min_p", "repetition_penalty", "max_tokens"} & set(body)
    assert len(server.bodies) == 4 + 4  # each word is learnt once


def test_a_setting_that_means_something_is_never_left_out(tmp_path):
    refuse = (400, error("Unsupported value: 'temperature' does not support 0.7 with this model."))
    with (
        ChatServer(lambda prompt, attempt: refuse) as server,
        pytest.raises(UserError, match=r"rejects temperature 0\.7"),
    ):
        make_engine(server, tmp_path).answer(conversations(1), SAMPLING)


@pytest.mark.parametrize(
    ("reply", "what", "cure"),
    [
        ((401, error("Incorrect API key provided: secret-key")), r"HTTP 401.*provided: \*\*\*", "variable THE_KEY"),
        ((404, error("The model `strong` does not exist")), "HTTP 404: The model", "Check --model"),
        ((429, error("You exceeded your quota", code="insufficient_quota")), "exceeded your quota", "Top up"),
    ],
)
def test_what_patience_does_not_cure_is_said_at_once(tmp_path, monkeypatch, reply, what, cure):
    monkeypatch.setenv("THE_KEY", "secret-key")
    with ChatServer(lambda prompt, attempt: reply) as server:
        with pytest.raises(UserError, match=what) as caught:
            make_engine(server, tmp_path, concurrency=1, api_key_env="THE_KEY").answer(conversations(3), SAMPLING)
        assert len(server.bodies) == 1
        assert server.headers[0]["Authorization"] == "Bearer secret-key"
    assert cure in caught.value.cure
    assert not any("secret-key" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_server_that_is_not_there(tmp_path):
    with ChatServer() as server:
        url = server.url
    options = EngineOptions(base_url=url)
    engine = CachedEngine(ModelIdentity("m", "x", ""), lambda: OpenAIEngine("m", options, 0.01), tmp_path)
    with pytest.raises(UserError, match=r"in 3 attempts: it cannot be reached") as caught:
        engine.answer(conversations(2), SAMPLING)
    assert "--base_url" in caught.value.cure


def test_bad_options_are_refused_before_anything_is_asked(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    cases = [
        ("openai", EngineOptions(), "OPENAI_API_KEY is not set"),
        ("openai", EngineOptions(base_url="http://h/v1", api_key_env="MY_KEY"), "MY_KEY is not set"),
        ("openai", EngineOptions(base_url="localhost:8000"), "not a web address"),
        ("openai", EngineOptions(base_url="https://me:pass@host/v1"), "contains a password"),
        ("openai", EngineOptions(base_url="http://h/v1", concurrency=0), "Invalid --concurrency 0"),
        ("transformers", EngineOptions(base_url="http://h/v1"), "--base_url has no effect"),
        ("canned", EngineOptions(), "must be used together"),
        ("canned", EngineOptions(answers=tmp_path / "none.jsonl"), "does not exist"),
        ("vllm2", EngineOptions(), "Unknown engine 'vllm2'"),
    ]
    for engine, options, what in cases:
        with pytest.raises(UserError, match=what) as caught:
            cached_engine("m", engine, tmp_path, options).answer(conversations(1), SAMPLING)
        if engine == "vllm2":
            assert "openai" in caught.value.cure
            assert 'pip install "bleuberi[vllm]"' in caught.value.cure


def test_auto_takes_a_server_that_is_named(tmp_path):
    with ChatServer() as server:
        engine = cached_engine("m", "auto", tmp_path, EngineOptions(base_url=server.url))
        assert engine.answer(conversations(1), SAMPLING)["row0"].text == "echo p0"


def test_pauses_in_every_form():
    in_a_minute = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))
    assert asked_delay_seconds({"retry-after": "2.5"}) == 2.5
    assert asked_delay_seconds({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert 55 < asked_delay_seconds({"retry-after": in_a_minute}) <= 60
    assert asked_delay_seconds({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) < 0
    for nothing in ("soon", "", "Wed, 21 Oct 99999999999999 07:28:00 GMT", "99 99 99", "Wed, 99 Oct 2015 99:99:99 GMT"):
        assert asked_delay_seconds({"retry-after": nothing}) is None
    assert asked_delay_seconds({}) is None
    for endless in ({"retry-after": "inf"}, {"retry-after": "1e999"}, {"retry-after-ms": "9" * 400}):
        assert asked_delay_seconds(endless) == math.inf
    assert asked_delay_seconds({"retry-after": "nan"}) is None
    assert all(0.5 * 2**n <= delay_seconds(n, 1.0) <= 2**n for n in range(6))
    assert delay_seconds(50, 1.0) <= 60.0
