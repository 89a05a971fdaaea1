"""Replies of servers, over a real socket: each is an answer, an error in words or no reply, and never an exception of
another kind, an endless wait or more memory than a reply may take."""

import asyncio
import gzip
import json
import socket
import threading
import zlib

from hypothesis import strategies as st

from bleuberi.generation.base import Output
from bleuberi.generation.openai_errors import classify
from bleuberi.generation.openai_protocol import ServerError, UnusableAnswerError, to_output
from bleuberi.web.client import NoReplyError, WebClient
from bleuberi.web.patience import asked_delay_seconds, pause_seconds

ASKED = [{"role": "user", "content": "Say it."}]
WORDS = [
    "stop",
    "length",
    "content_filter",
    "error",
    "",
    "SAFETY",
    "tool_calls",
    "\ud800",
    "\x1b[2J",
    "data_inspection_failed",
]
WORDS += [
    "maximum context length is 4096 tokens",
    "System role not supported",
    "insufficient_quota",
    "PROHIBITED_CONTENT",
]
texts = st.text(max_size=12) | st.sampled_from(WORDS)
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
parts = st.lists(st.fixed_dictionaries({"type": texts | st.just("text"), "text": texts | values}), max_size=3)
messages = st.fixed_dictionaries({"role": texts, "content": texts | parts | values}, optional={"refusal": values})
choices = st.lists(
    st.fixed_dictionaries(
        {}, optional={"message": messages | values, "finish_reason": texts | values, "error": values}
    ),
    max_size=2,
)
errors = values | st.fixed_dictionaries({"message": texts | values}, optional={"code": values, "type": texts})
usages = values | st.fixed_dictionaries({"completion_tokens": st.sampled_from([1e999, -1, 3, 2.0, "4", None, 10**400])})
bodies = st.fixed_dictionaries(
    {}, optional={"choices": choices | values, "error": errors, "usage": usages, "model": values}
)
NUMBERS = ["0", "-1", "inf", "nan", "1e999", "9" * 400, "120", "Wed, 21 Oct 2015 07:28:00 GMT", "x", "\xff", "1.5", ""]
HEADERS = ["Retry-After", "Retry-After-Ms", "Content-Type", "Content-Encoding", "Location", "X-\xff"]


@st.composite
def replies(draw):
    """The bytes of an HTTP reply: well-formed, then harmed."""
    body = json.dumps(draw(bodies | values)).encode()
    if draw(st.integers(0, 9)) == 0:
        body = draw(
            st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b"<html>", b"\xff\xfe{\x00}\x00", b""])
        )
    charset = draw(
        st.sampled_from(
            ["", "; charset=utf-16", "; charset=zip", "; charset=base64", "; charset=\xff", "; charset=utf-8"]
        )
    )
    packing = draw(st.sampled_from(["", "", "", "gzip", "deflate", "br", "x-gzip", "gzip, gzip"]))
    if "gzip" in packing:
        body = gzip.compress(body, 1)
    elif packing == "deflate":
        body = zlib.compress(body)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.binary(max_size=3)) + body[place + draw(st.integers(0, 4)) :]
    status = draw(
        st.sampled_from([200, 200, 200, 204, 301, 307, 400, 401, 402, 403, 404, 413, 422, 429, 451, 500, 503, 529])
    )
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: application/json{charset}"]
    lines += [f"Content-Encoding: {packing}"] if packing else []
    for name in draw(st.lists(st.sampled_from(HEADERS), max_size=2)):
        lines.append(f"{name}: {draw(st.sampled_from(NUMBERS))}")
    if draw(st.integers(0, 4)):
        lines.append(f"Content-Length: {len(body) + draw(st.sampled_from([0, 0, 0, 0, 1, -1]))}")
    head = "\r\n".join(lines).encode("latin-1") + b"\r\nConnection: close\r\n\r\n"
    return head + body


STRATEGY = replies()


class _Server:
    """Sends the same bytes to whoever asks, and closes."""

    def __init__(self):
        self.reply = b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                try:
                    connection.settimeout(5)
                    connection.recv(65536)
                    connection.sendall(self.reply)
                except OSError:
                    continue


SERVER = _Server()
LOOP = asyncio.new_event_loop()
CLIENT = WebClient(SERVER.url, timeout_seconds=5, at_once=1)


def check(reply):
    SERVER.reply = reply
    LOOP.run_until_complete(_ask())


async def _ask():
    try:
        found = await CLIENT.post({"messages": ASKED})
    except NoReplyError:
        return
    found.text().encode("utf-8", "replace")
    asked = asked_delay_seconds(found.headers)
    assert pause_seconds(asked, 0, 1.0) > 0
    try:
        content = found.json()
    except ValueError:
        content = found.text()
    refusal = classify(found.status, found.headers, content, ASKED, "KEY")
    assert refusal.message
    try:
        output = to_output(content)
    except (UnusableAnswerError, ServerError):
        return
    assert isinstance(output, Output)
    assert isinstance(output.text, str)
    assert 0 <= output.tokens <= 2**53
