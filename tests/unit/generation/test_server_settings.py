"""Settings of a server that no request can use: keys, addresses, timeouts, concurrency and proxies."""

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, cached_engine
from bleuberi.generation.openai_engine import OpenAIEngine
from tests.unit.generation.chat_server import ChatServer
from tests.unit.generation.test_openai_engine import SAMPLING, conversations, make_engine, reasons


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
