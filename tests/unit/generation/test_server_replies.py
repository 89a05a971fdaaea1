"""Replies of servers: odd JSON, slow, long, packed or wrongly encoded ones are read, asked again or refused."""

import gzip
import json
import time

import pytest

from bleuberi.errors import UserError
from tests.unit.generation.chat_server import ChatServer, raw_server
from tests.unit.generation.test_openai_engine import SAMPLING, conversations, make_engine


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
