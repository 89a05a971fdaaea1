"""A served reward model on servers that fail: a refused row has no score, and a hanging server delays no stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from tests.unit.generation.chat_server import raw_server

from bleuberi.errors import UserError
from bleuberi.rewards.cached import CachedReward
from bleuberi.rewards.served_model import ServedRewardModel


def answering(answer):
    """A server: `answer(response)` gives a status and a body."""

    def handle(handler):
        status, body = answer(json.loads(handler.asked)["messages"][1]["content"])
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return raw_server(handle)


def score(server, responses, **options):
    reward = ServedRewardModel(server.url, retries=1, wait_seconds=0.001, **options)
    return reward(prompts=["q"] * len(responses), responses=responses)


def test_a_row_that_is_refused_has_no_score_and_the_others_have_theirs(tmp_path, caplog):
    def answer(response):
        return (400, b"too long") if response == "bad" else (200, b'{"rewards": [1]}')

    with answering(answer) as server:
        assert score(server, ["bad", "a", "bad", "b"]) == [None, 1.0, None, 1.0]
        assert "refused 2 of 4 rows, which have no score: HTTP 400 too long" in caplog.text
        cached = CachedReward(ServedRewardModel(server.url, retries=0), tmp_path / "scores.sqlite")
        for _ in range(2):
            assert cached(prompts=["q"] * 2, responses=["bad", "a"]) == [None, 1.0]
        assert server.count == 4 + 2 + 1  # the refused row is asked again, the scored one is not


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_refuses_every_row_is_a_users_error(status):
    with answering(lambda response: (status, b"no")) as server, pytest.raises(UserError, match=f"HTTP {status} no"):
        score(server, ["a", "b"])


@pytest.mark.parametrize("status", [401, 402, 403, 404, 307])
def test_trouble_with_all_rows_ends_at_once(status):
    with answering(lambda response: (status if response == "b" else 200, b"1")) as server:
        with pytest.raises(UserError, match=f"HTTP {status}"):
            score(server, ["a", "b"], at_once=1)
        assert server.count == 2


@pytest.mark.parametrize("body", [b"[" * 100_000, b"9" * 5000, b"\xff\xfe\xfd", b'{"rewards": [1e999]}'])
def test_odd_numbers_and_odd_json(body):
    with answering(lambda response: (200, body)) as server:
        if body.startswith((b"9", b"{")):
            assert score(server, ["a"]) == [None]
        else:
            with pytest.raises(UserError, match="without a single number"):
                score(server, ["a"])


def test_a_reply_is_bounded_in_time():
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(150):
            handler.wfile.write(b"1")
            handler.wfile.flush()
            time.sleep(0.2)

    began = time.monotonic()
    with raw_server(drip) as server, pytest.raises(UserError, match=r"no whole reply within 0\.5 s"):
        score(server, ["a"], timeout_seconds=0.5)
    assert time.monotonic() - began < 20  # of the 30 s that the server talks


def test_a_pause_that_no_training_waits_for():
    def busy(handler):
        handler.send_response(429)
        handler.send_header("Retry-After", "inf")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with raw_server(busy) as server, pytest.raises(UserError, match="asks for a wait of 1,000,000,000 s"):
        score(server, ["a"])


@pytest.mark.parametrize("seconds", [float("nan"), 0, -1, float("inf")])
def test_a_timeout_that_is_no_time(seconds):
    with pytest.raises(UserError, match="timeout_seconds is"):
        ServedRewardModel("http://h/", timeout_seconds=seconds)


HANG = """
import sys
from bleuberi.cli.parser import run
from bleuberi.cli.stopping import leave
from bleuberi.rewards.served_model import ServedRewardModel
if sys.argv[2] == "names":
    import socket, time
    socket.getaddrinfo = lambda *_, **__: time.sleep(60)

def command(words):
    print("asking", flush=True)
    ServedRewardModel(sys.argv[1])(prompts=["q"] * 40, responses=["r"] * 40)

leave(run(command, ["data", "grpo"]))
"""


@pytest.mark.parametrize("what", ["server", "names"])
def test_a_stop_ends_a_command_that_waits_for_a_server_or_for_its_name(what):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/" if what == "server" else "http://nowhere.example/"
        child = subprocess.Popen(
            [sys.executable, "-c", HANG, url, what], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "HTTP_PROXY": "", "http_proxy": ""},
        )  # fmt: skip
        assert child.stdout.readline() == "asking\n"
        time.sleep(1.5)
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, said = child.communicate(timeout=30)
        assert time.monotonic() - began < 20  # of the minute that names take
        assert child.returncode == 143, said
        assert said.startswith("Stopped.")
