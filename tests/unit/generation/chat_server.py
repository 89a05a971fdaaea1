"""A real server with OpenAI's chat interface on this machine, which misbehaves on demand."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_SECONDS = 1.5


class ChatServer(ThreadingHTTPServer):
    """Answers `echo PROMPT`, or what `speak(body)` says. `misbehave(prompt, attempt)` names a trouble, or None."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, misbehave=lambda prompt, attempt: None, speak=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.misbehave = misbehave
        self.speak = speak or (lambda body: f"echo {body['messages'][-1]['content']}")
        self.bodies = []
        self.headers = []
        self.times = []
        self.attempts = Counter()
        self.answered = Counter()
        self.at_once = self.most_at_once = 0
        self.guard = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """A client that gave up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        with server.guard:
            server.bodies.append(body)
            server.headers.append(dict(self.headers))
            server.times.append(time.monotonic())
            attempt = server.attempts[prompt]
            server.attempts[prompt] += 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            self.reply(prompt, server.misbehave(prompt, attempt), body)
        finally:
            with server.guard:
                server.at_once -= 1

    def reply(self, prompt, trouble, body):
        if trouble == "hang":
            time.sleep(HANG_SECONDS)
            self.close_connection = True
        elif trouble == "close":
            self.close_connection = True
        elif trouble == "cut":
            self.send(200, '{"choices": [{"mess')
        elif isinstance(trouble, tuple):
            self.send(*trouble)
        else:
            message = dict(trouble) if isinstance(trouble, dict) else {}
            finish = message.pop("finish_reason", "stop")
            choice = {"message": {"content": self.server.speak(body), **message}, "finish_reason": finish}
            reply = {"model": body["model"] + "-2025", "choices": [choice], "usage": {"completion_tokens": 2}}
            with self.server.guard:
                self.server.answered[prompt] += 1
            self.send(200, json.dumps(reply))

    def send(self, status, text, headers=()):
        data = text.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def raw_server(answer):
    """A server that answers with bytes: `answer(handler)` writes them."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.asked = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.count += 1
            self.close_connection = True
            answer(self)

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        count = 0
        url = property(lambda self: f"http://127.0.0.1:{self.server_address[1]}/v1")

        def handle_error(self, *_):
            """A client that gave up is no news."""

        def __enter__(self):
            threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            return self

        def __exit__(self, *_):
            self.shutdown()
            self.server_close()

    return Server(("127.0.0.1", 0), Handler)
