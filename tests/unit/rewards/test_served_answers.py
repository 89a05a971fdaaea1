"""A served reward model: the shapes of its answers, the order of its rows, and when it is asked again."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bleuberi.errors import UserError
from bleuberi.rewards import load_reward
from bleuberi.rewards.served_model import ServedRewardModel


@pytest.fixture
def server():
    """A reward server: answers in the shapes of `answers`, in turn; a number is an HTTP status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.bodies.append(body)
            answer = made.answers.pop(0) if made.answers else {"rewards": [len(body["messages"][1]["content"])]}
            self.send_response(answer if isinstance(answer, int) else 200)
            if answer == "cut":
                self.send_header("Content-Length", "1000")
            self.end_headers()
            if not isinstance(answer, int):
                self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.bodies, made.answers = [], []
    made.url = f"http://127.0.0.1:{made.server_port}/classify"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_served_model_keeps_the_rows_order(server):
    reward = load_reward(f"rm:{server.url}")
    assert reward(prompts=["q"] * 30, responses=["x" * n for n in range(30)]) == list(range(30))
    assert server.bodies[0]["messages"][0] == {"role": "user", "content": "q"}
    assert server.url in reward.signature()


@pytest.mark.parametrize("answer", [{"data": [{"probs": [0.5]}]}, {"data": [{"data": [[0.5]]}]}, {"rewards": [0.5]}])
def test_a_served_models_answers(server, answer):
    server.answers.append(answer)
    assert ServedRewardModel(server.url, model="m")(prompts=["q"], responses=["r"]) == [0.5]
    assert server.bodies[0]["model"] == "m"


def test_a_served_model_is_asked_again_and_given_up_in_the_end(server):
    reward = ServedRewardModel(server.url, retries=2, wait_seconds=0.001)
    server.answers += [503, 500]
    assert reward(prompts=["q"], responses=["four"]) == [4.0]
    server.answers += [503] * 3
    with pytest.raises(UserError, match=r"3 attempts: HTTP 503"):
        reward(prompts=["q"], responses=["r"])
    server.answers.append(404)
    with pytest.raises(UserError, match="refused: HTTP 404"):
        reward(prompts=["q"], responses=["r"])
    for bad in ({"data": []}, {"data": [{"probs": [0.1, 0.9]}]}, ["x"], {"rewards": ["0.5"]}, {"rewards": [True]}):
        server.answers.append(bad)
        with pytest.raises(UserError, match="without a single number"):
            reward(prompts=["q"], responses=["r"])


def test_a_server_that_goes_away_within_its_answer_is_asked_again(server):
    reward = ServedRewardModel(server.url, retries=1, wait_seconds=0.001)
    server.answers += ["cut"]
    assert reward(prompts=["q"], responses=["four"]) == [4.0]
    server.answers += ["cut"] * 2
    with pytest.raises(UserError, match="2 attempts: peer closed connection"):
        reward(prompts=["q"], responses=["four"])


def test_a_server_that_is_not_there_or_never_answers():
    with pytest.raises(UserError, match="2 attempts"):
        ServedRewardModel("http://127.0.0.1:9/x", retries=1, wait_seconds=0.001)(prompts=["q"], responses=["r"])
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(UserError, match=r"no whole reply within 0\.1 s"):
            ServedRewardModel(url, timeout_seconds=0.1, retries=0)(prompts=["q"], responses=["r"])
