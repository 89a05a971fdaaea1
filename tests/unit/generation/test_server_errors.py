"""Errors of servers: one row's own trouble never ends a run, trouble with all rows ends it at once, with its remedy."""

import gzip
import json
import time

import pytest

from bleuberi.cli import references
from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.base import Sampling
from bleuberi.generation.openai_engine import OpenAIEngine
from tests.unit.generation.chat_server import ChatServer, raw_server
from tests.unit.generation.server_words import ENDS, FIRST_ROWS, MODERATED, NOT_TOO_LONG, TOO_LONG
from tests.unit.generation.test_openai_engine import conversations, error, make_engine

SAMPLING = Sampling(max_new_tokens=64)


def reasons(outputs):
    return [output.finish_reason for output in outputs.values()]


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


def test_a_key_may_end_with_a_line_break(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", " secret-key\r\n")
    with ChatServer() as server:
        make_engine(server, tmp_path, api_key_env="THE_KEY").answer(conversations(1), SAMPLING)
        assert server.headers[0]["Authorization"] == "Bearer secret-key"


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "a\x00b"])
def test_a_key_that_no_header_can_carry_is_refused(tmp_path, monkeypatch, key):
    if "\x00" in key:
        monkeypatch.setattr("os.environ", {"THE_KEY": key})
    else:
        monkeypatch.setenv("THE_KEY", key)
    with pytest.raises(UserError, match="THE_KEY contains") as caught:
        OpenAIEngine("m", EngineOptions(base_url="http://h/v1", api_key_env="THE_KEY"))
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://h:99999/v1", "http://h:port/v1", "http://::1:8000/v1", "http://[::1/v1", "http://a..b/v1",
     "http://" + "a" * 64 + ".de/v1", "http://h/v1 x", "http://h\n.de/v1", "http://[zz::1]/v1", "http://ü..de/v1",
     "http://" + "ü" * 70 + ".de/v1", "ftp://h/v1", "http://h:-1/v1"],
)  # fmt: skip
def test_addresses_that_are_none(tmp_path, url):
    with pytest.raises(UserError, match="not a web address"):
        cached_engine("m", "openai", tmp_path, EngineOptions(base_url=url))


@pytest.mark.parametrize("url", ["http://[::1]:8000/v1", "http://münchen.example/v1", "http://my_server:8000/v1\n"])
def test_addresses_that_are_some(tmp_path, url):
    OpenAIEngine("m", EngineOptions(base_url=url))
    cached_engine("m", "openai", tmp_path, EngineOptions(base_url=url))


@pytest.mark.parametrize("seconds", [float("nan"), 0.0, -1.0, float("inf"), 1e9])
def test_timeouts_that_are_no_time(tmp_path, seconds):
    with pytest.raises(UserError, match="--timeout_seconds is"):
        cached_engine("m", "openai", tmp_path, EngineOptions(base_url="http://h/v1", timeout_seconds=seconds))


@pytest.mark.parametrize("count", [0, 10**9])
def test_absurd_concurrency(tmp_path, count):
    with pytest.raises(UserError, match="Invalid --concurrency"):
        cached_engine("m", "openai", tmp_path, EngineOptions(base_url="http://h/v1", concurrency=count))


@pytest.mark.parametrize("proxy", ["nonsense://x", "socks5://127.0.0.1:1", "http://h:port", "NO ::1/128"])
def test_a_proxy_that_cannot_be_used_is_a_users_error(monkeypatch, proxy):
    if proxy.startswith("NO "):
        monkeypatch.setenv("NO_PROXY", proxy.removeprefix("NO "))
        monkeypatch.setenv("no_proxy", proxy.removeprefix("NO "))
        proxy = "http://127.0.0.1:9"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(UserError, match=r"No connection to http://far\.example") as caught:
        OpenAIEngine("m", EngineOptions(base_url="http://far.example/v1"))
    assert "HTTP_PROXY" in caught.value.cure


def test_this_machines_own_servers_need_no_proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with ChatServer() as server:
        for host in ("127.0.0.1", "localhost", "0.0.0.0", "127.0.0.2"):
            options = EngineOptions(base_url=server.url.replace("127.0.0.1", host))
            engine = cached_engine("m", "openai", tmp_path / host, options)
            if host != "127.0.0.2":  # the server listens on one address only
                assert reasons(engine.answer(conversations(1), SAMPLING)) == ["stop"]
            else:
                OpenAIEngine("m", options)


def chat_reply(text="fine", **more):
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], **more})


ODD_REPLIES = {
    "deep JSON": "[" * 100_000,
    "deep JSON in an answer": chat_reply(x=0).replace('"fine"', "[" * 900 + "]" * 900),
    "an endless count": chat_reply(usage={"completion_tokens": 0}).replace("0}", "1e999}"),
    "a count of 5,000 digits": chat_reply(usage={"completion_tokens": 0}).replace("0}", "9" * 5000 + "}"),
    "a count that is a text": chat_reply(usage={"completion_tokens": "12"}),
    "usage as a list": chat_reply(usage=[{"completion_tokens": 12}]),
    "usage as a text": chat_reply(usage="12 tokens"),
    "a number as the model": chat_reply(model=7),
}


@pytest.mark.parametrize("name", ODD_REPLIES)
def test_odd_json_is_an_answer_or_asked_again(tmp_path, name):
    with ChatServer(lambda prompt, attempt: None if attempt else (200, ODD_REPLIES[name])) as server:
        outputs = make_engine(server, tmp_path).answer(conversations(1), SAMPLING)
    text = "echo p0" if name.startswith("deep") else "fine"
    assert (outputs["row0"].text, outputs["row0"].finish_reason) == (text, "stop")


def send(handler, body, **headers):
    handler.send_response(200)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def fails(server, folder, what, timeout_seconds=5.0):
    with server, pytest.raises(UserError, match=what):
        make_engine(server, folder, timeout_seconds=timeout_seconds).answer(conversations(1), SAMPLING)


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_sends_a_byte_each_half_second_is_given_up(tmp_path, monkeypatch, part):
    monkeypatch.setattr("bleuberi.generation.openai_engine.MOST_TRIES", 2)

    def drip(handler):
        if part == "body":
            handler.send_response(200)
            handler.end_headers()
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 50:
            handler.wfile.write(bytes([letter]))
            handler.wfile.flush()
            time.sleep(0.5)

    began = time.monotonic()
    fails(raw_server(drip), tmp_path, r"no whole reply within 1 s", timeout_seconds=1.0)
    assert time.monotonic() - began < 15  # of the 30 s that the server talks


def test_replies_are_bounded_packed_or_not(tmp_path):
    from bleuberi.web.client import MAX_REPLY_BYTES

    bomb = gzip.compress(b" " * (MAX_REPLY_BYTES + 1), mtime=0)

    def long(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(MAX_REPLY_BYTES // (1 << 20) + 1):
            handler.wfile.write(b" " * (1 << 20))

    fails(raw_server(long), tmp_path / "a", "longer than 32 MiB")
    fails(raw_server(lambda handler: send(handler, bomb, Content_Encoding="gzip")), tmp_path / "b", "than 32 MiB")


@pytest.mark.parametrize(
    ("body", "encoding", "what"),
    [
        (b"no gzip at all", "gzip", "damaged gzip"),
        (gzip.compress(chat_reply().encode(), mtime=0)[:-12], "gzip", "ends within the gzip"),
        (b"(\xb5/\xfd", "zstd", "packed as 'zstd'"),
        (b"x", "br", "packed as 'br'"),
    ],
)
def test_packed_replies_that_cannot_be_read(tmp_path, body, encoding, what):
    fails(raw_server(lambda handler: send(handler, body, Content_Encoding=encoding)), tmp_path, what)


@pytest.mark.parametrize(
    ("charset", "written"),
    [("utf-8", "utf-8"), ("nonsense", "utf-8"), ("base64", "utf-8"), ("zip", "utf-8"), ("iso-8859-1", "iso-8859-1"),
     ("gb18030", "gb18030"), ("utf-16", "utf-16"), ("utf-8", "utf-8-sig"), ("iso-8859-1", "utf-8")],
)  # fmt: skip
def test_charsets_are_read_as_they_were_written(tmp_path, charset, written):
    text = "Grüße – 你好" if written != "iso-8859-1" else "Grüße"
    reply = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}, ensure_ascii=False)
    kind = f"application/json; charset={charset}"
    with raw_server(lambda handler: send(handler, reply.encode(written), Content_Type=kind)) as server:
        outputs = make_engine(server, tmp_path).answer(conversations(1), SAMPLING)
    assert outputs["row0"].text == text


def test_bytes_that_are_no_text_are_never_kept_as_an_answer(tmp_path):
    reply = chat_reply("Gr\xfc\xdfe").encode().replace(b"\\u00fc\\u00df", b"\xfc\xdf")
    fails(raw_server(lambda handler: send(handler, reply)), tmp_path, "it is not UTF-8")
