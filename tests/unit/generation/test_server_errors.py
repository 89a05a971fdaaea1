"""Errors of servers: one row's own trouble never ends a run, trouble with all rows ends it at once, with its remedy."""

import json
import time

import pytest

from bleuberi.cli import references
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from tests.unit.generation.chat_server import ChatServer
from tests.unit.generation.server_words import ENDS, FIRST_ROWS, MODERATED, NOT_TOO_LONG, TOO_LONG
from tests.unit.generation.test_openai_engine import SAMPLING, conversations, error, make_engine, reasons


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{n}", "prompt": f"p{n}"}) + "\n" for n in range(20)))
    return path


def ask(pool, server, output, *more):
    words = ["--hf_dataset_path", str(pool), "--model", "strong", "--output", str(output), "--base_url", server.url]
    assert references.main([*words, "--concurrency", "4", *more]) == 0
    return [json.loads(line) for line in output.read_text().splitlines()]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_prompt_that_is_too_long_is_told_in_everybodys_words(tmp_path, status):
    with ChatServer(lambda prompt, _: (status, error(TOO_LONG[int(prompt[1:])]))) as server:
        outputs = make_engine(server, tmp_path).answer(conversations(len(TOO_LONG)), SAMPLING)
        assert [TOO_LONG[n] for n, reason in enumerate(reasons(outputs)) if reason != "prompt_too_long"] == []
        assert len(server.bodies) == len(TOO_LONG)


@pytest.mark.parametrize("words", NOT_TOO_LONG)
def test_other_limits_are_not_taken_for_prompts_that_are_too_long(tmp_path, words):
    with ChatServer(lambda prompt, _: (400, error(words)) if prompt == "p1" else None) as server:
        outputs = make_engine(server, tmp_path).answer(conversations(3), SAMPLING)
    assert reasons(outputs) == ["stop", "no_answer", "stop"]


def test_a_moderated_row_is_refused_and_the_others_go_on(tmp_path):
    def moderate(prompt, attempt):
        number = int(prompt[1:])
        return (MODERATED[number // 2][0], json.dumps({"error": MODERATED[number // 2][1]})) if number % 2 else None

    with ChatServer(moderate) as server:
        outputs = make_engine(server, tmp_path, concurrency=1).answer(conversations(2 * len(MODERATED)), SAMPLING)
        assert len(server.bodies) == 2 * len(MODERATED)
    found = reasons(outputs)
    assert [MODERATED[n] for n, reason in enumerate(found[1::2]) if reason != "refused"] == []
    assert set(found[::2]) == {"stop"}


def test_the_first_row_may_be_moderated_and_all_of_them(tmp_path):
    refuse = (400, json.dumps({"error": {"code": "data_inspection_failed", "message": "inappropriate content"}}))
    with ChatServer(lambda prompt, _: refuse) as server:
        assert set(reasons(make_engine(server, tmp_path).answer(conversations(5), SAMPLING))) == {"refused"}


@pytest.mark.parametrize(
    "end", ["content_filter", "content_filter: PROHIBITED_CONTENT", "SAFETY", "RECITATION", "sensitive", "refusal"]
)
def test_ends_that_a_filter_makes_are_refusals(tmp_path, end):
    with ChatServer(lambda prompt, _: {"content": None, "finish_reason": end}) as server:
        assert reasons(make_engine(server, tmp_path).answer(conversations(1), SAMPLING)) == ["refused"]


def test_no_choices_for_a_named_reason_is_a_refusal(tmp_path):
    reply = {"choices": [], "prompt_feedback": {"block_reason": "PROHIBITED_CONTENT"}}
    with ChatServer(lambda prompt, _: (200, json.dumps(reply))) as server:
        assert reasons(make_engine(server, tmp_path).answer(conversations(1), SAMPLING)) == ["refused"]


def test_an_error_that_quotes_the_prompt_is_not_read_as_the_servers_words(tmp_path):
    prompt = "Explain why a content filter says that a prompt is too long, flagged, or has a temperature, a seed."
    asked = [row._replace(messages=[{"role": "user", "content": prompt}]) for row in conversations(1)]

    def quote(said, _):
        return (400, error(f"bad field in {json.dumps(said)}")) if said == prompt else None

    with ChatServer(quote) as server:
        outputs = make_engine(server, tmp_path, concurrency=1).answer([*conversations(2)[1:], *asked], SAMPLING)
    assert reasons(outputs) == ["stop", "no_answer"]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_refused_row_never_ends_a_run_whose_other_rows_are_answered(pool, tmp_path, caplog, concurrency):
    bad = {"p0", "p7", "p8", "p19"}

    def misbehave(prompt, attempt):
        if prompt not in bad:
            time.sleep(0.05)  # the refusals come first
        return (400, error("a field of this row is odd")) if prompt in bad else None

    with ChatServer(misbehave) as server:
        output = tmp_path / "new.jsonl"
        rows = ask(pool, server, output, "--concurrency", str(concurrency))
        assert len(server.bodies) == 20
        flags = {f"p{n}" for n, row in enumerate(rows) if row["ref_flag_strong"] == "no answer"}
        assert flags == bad
        assert "a field of this row is odd" in caplog.text
        # The rows that were refused are all that a second run asks; it must not take them for "the first rows".
        assert ask(pool, server, output, "--overwrite") == rows
        assert len(server.bodies) == 24


@pytest.mark.parametrize(("status", "said", "cure"), ENDS)
def test_what_concerns_all_rows_ends_the_run_at_the_first(tmp_path, monkeypatch, status, said, cure):
    monkeypatch.setenv("THE_KEY", "secret-key")
    reply = (status, json.dumps({"error": said}), [("Location", "https://other/v1")] if status == 307 else [])
    with ChatServer(lambda prompt, _: reply) as server:
        with pytest.raises(UserError) as caught:
            make_engine(server, tmp_path, concurrency=1, api_key_env="THE_KEY").answer(conversations(9), SAMPLING)
        assert len(server.bodies) == 1
    assert cure in caught.value.cure
    assert status != 307 or "https://other/v1" in caught.value.what


@pytest.mark.parametrize(("status", "said", "cure"), FIRST_ROWS)
@pytest.mark.parametrize("rows", [1, 9])
def test_refusals_of_the_very_first_rows_end_the_run(tmp_path, monkeypatch, status, said, cure, rows):
    monkeypatch.setenv("THE_KEY", "secret-key")
    with ChatServer(lambda prompt, _: (status, json.dumps({"error": said}))) as server:
        with pytest.raises(UserError) as caught:
            make_engine(server, tmp_path, concurrency=1, api_key_env="THE_KEY").answer(conversations(rows), SAMPLING)
        assert len(server.bodies) <= 3
    assert said["message"][:40] in caught.value.what
    assert cure in caught.value.cure


def test_a_key_that_stops_working_ends_the_run_and_keeps_the_answers(tmp_path):
    with ChatServer(lambda prompt, _: (403, error("no access")) if int(prompt[1:]) >= 5 else None) as server:
        engine = make_engine(server, tmp_path, concurrency=2)
        with pytest.raises(UserError, match="no access"):
            engine.answer(conversations(400), SAMPLING)
        assert engine.answered_now == 5
        assert len(server.bodies) < 300


@pytest.mark.parametrize("asked", ["0", "-5", "Wed, 21 Oct 2015 07:28:00 GMT", "0.0001"])
def test_a_server_that_asks_for_no_pause_is_not_asked_at_once(tmp_path, asked):
    busy = (429, error("slow down"), [("Retry-After", asked)])
    with ChatServer(lambda prompt, _: busy if time.monotonic() - began < 1.5 else None) as server:
        began = time.monotonic()
        options = EngineOptions(base_url=server.url, concurrency=2)
        cached_engine("strong", "openai", tmp_path, options).answer(conversations(2), SAMPLING)
        assert len(server.bodies) <= 16


@pytest.mark.parametrize("asked", ["7200", "inf", "1e999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_that_nobody_waits_for_ends_the_run(tmp_path, asked):
    busy = (429, error("daily limit"), [("Retry-After", asked)])
    with (
        ChatServer(lambda prompt, _: busy) as server,
        pytest.raises(UserError, match=r"asks for a wait of .* \(HTTP 429: daily limit\)"),
    ):
        make_engine(server, tmp_path).answer(conversations(2), SAMPLING)
